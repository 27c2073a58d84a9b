// Owns a server of model files for the tests of downloads: it plays the hub, what the hub redirects to, and any other server, and can be
// slow, cut its answers off, or say less than others do.
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface ModelServerOptions {
  readonly content: Buffer;
  /** Each piece is sent when this resolves. */
  readonly beforePiece?: () => Promise<void>;
  /** What the hub's manifests name. */
  readonly manifestFile?: string;
  /** Undefined: none. */
  readonly etag?: string;
  /** Told as the hub tells it, with a redirect as much as without. */
  readonly linkedSha256?: string;
  /** Every file is there, at the same path. */
  readonly redirectTo?: string;
  /** Secret files too. */
  readonly openToAll?: boolean;
  /** So many of the first requests are told to come again. */
  readonly busy?: number;
  /** Neither ranges nor a Content-Length. */
  readonly chunked?: boolean;
  /** The connection breaks after so many bytes of this answer; undefined: it does not. Counts the answers with a body of more than one byte. */
  readonly cutAfter?: (answer: number) => number | undefined;
}

export interface ModelServer extends AsyncDisposable {
  readonly url: string;
  /** Method, path and range of each request. */
  readonly requests: readonly string[];
  /** Authorization of each request. */
  readonly authorizations: readonly (string | undefined)[];
}

const pieceBytes = 1 << 16;

export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const requests: string[] = [];
  const authorizations: (string | undefined)[] = [];
  let answers = 0;
  const server = createServer((request, response) => {
    const { method = "", url = "", headers } = request;
    requests.push(`${method} ${url} ${headers.range ?? ""}`);
    authorizations.push(headers.authorization);
    if (requests.length <= (options.busy ?? 0)) {
      response.writeHead(503, { "retry-after": "0" }).end("busy");
      return;
    }
    answer(request, response, options, () => ++answers).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  options: ModelServerOptions,
  countAnswer: () => number,
): Promise<void> {
  const { url = "", headers } = request;
  const known = /^(Bearer a-token|Basic )/.test(headers.authorization ?? "");
  const allowed = known || options.openToAll === true || !url.includes("secret");
  const refused = !allowed ? 401 : url.includes("missing") ? 404 : undefined;
  if (refused !== undefined) {
    response.writeHead(refused).end("no");
    return;
  }
  if (url.includes("/manifests/")) {
    const rfilename = options.manifestFile ?? "story-Q8_0.gguf";
    response.setHeader("content-type", "application/json").end(JSON.stringify({ ggufFile: { rfilename } }));
    return;
  }
  if (options.linkedSha256 !== undefined) response.setHeader("x-linked-etag", `"${options.linkedSha256}"`);
  if (options.redirectTo !== undefined) {
    response.writeHead(302, { location: options.redirectTo + url }).end();
    return;
  }
  await sendFile(request, response, options, countAnswer);
}

async function sendFile(
  { headers }: IncomingMessage,
  response: ServerResponse,
  { content, beforePiece, etag, chunked = false, cutAfter }: ModelServerOptions,
  countAnswer: () => number,
): Promise<void> {
  if (etag !== undefined) response.setHeader("etag", etag);
  const matches = headers["if-range"] === undefined || headers["if-range"] === etag;
  const range = chunked || !matches ? undefined : headers.range;
  const [, first = "0", last = ""] = /bytes=(\d+)-(\d*)/.exec(range ?? "") ?? [];
  const start = Number(first);
  const end = last === "" ? content.length : Number(last) + 1;
  response.writeHead(range === undefined ? 200 : 206, {
    ...(chunked ? {} : { "content-length": end - start }),
    ...(range === undefined ? {} : { "content-range": `bytes ${start}-${end - 1}/${content.length}` }),
  });
  const cut = end - start > 1 ? cutAfter?.(countAnswer()) : undefined;
  const stop = Math.min(end, start + (cut ?? Infinity));
  for (let at = start; at < stop && !response.destroyed; at += pieceBytes) {
    if (end - start > 1) await beforePiece?.();
    await new Promise((resolve) => response.write(content.subarray(at, Math.min(at + pieceBytes, stop)), resolve));
  }
  if (cut === undefined) response.end();
  else response.destroy();
}
