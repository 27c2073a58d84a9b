// Owns a server of model files for the tests of downloads: it knows ranges, one token and Hugging Face's two routes, and can be slow.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelServerOptions {
  readonly content: Buffer;
  /** Each piece is sent when this resolves. */
  readonly beforePiece?: () => Promise<void>;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  /** Method, path and range of each request. */
  readonly requests: readonly string[];
}

const pieceBytes = 1 << 18;

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push(`${method} ${url} ${headers.range ?? ""}`);
    answer(request, response, options).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: ModelServerOptions): Promise<void> {
  const { url = "", headers, method } = request;
  if (url.includes("/manifests/")) {
    response.setHeader("content-type", "application/json").end('{"ggufFile":{"rfilename":"story-Q8_0.gguf"}}');
    return;
  }
  const allowed = headers.authorization === "Bearer a-token" || !url.includes("secret");
  const refused = !allowed ? 401 : url.includes("missing") ? 404 : undefined;
  if (refused !== undefined) {
    response.writeHead(refused).end("no");
    return;
  }
  const { content, beforePiece } = options;
  const [, first = "0", last = ""] = /bytes=(\d+)-(\d*)/.exec(headers.range ?? "") ?? [];
  const start = Number(first);
  const end = last === "" ? content.length : Number(last) + 1;
  response.writeHead(headers.range === undefined ? 200 : 206, {
    "accept-ranges": "bytes",
    "content-length": end - start,
    ...(headers.range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${content.length}` }),
  });
  if (method !== "HEAD") {
    for (let at = start; at < end && !response.destroyed; at += pieceBytes) {
      await beforePiece?.();
      response.write(content.subarray(at, Math.min(at + pieceBytes, end)));
    }
  }
  response.end();
}
