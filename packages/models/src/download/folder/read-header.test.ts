import { mkdtempSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readModelHeader } from "./read-header.ts";
import { openRemoteSource } from "../transfer/remote-bytes.ts";

const storyModel = join(import.meta.dirname, "../../../../../models/waggle-tiny-stories.gguf");
const content = readFileSync(storyModel);
const folder = mkdtempSync(join(tmpdir(), "read-header-"));

interface Server extends AsyncDisposable {
  readonly url: string;
  readonly ranges: readonly string[];
  readonly authorizations: readonly (string | undefined)[];
}

async function serve(answer: (request: IncomingMessage, response: ServerResponse) => void): Promise<Server> {
  const ranges: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer((request, response) => {
    ranges.push(request.headers.range ?? "");
    authorizations.push(request.headers.authorization);
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ranges,
    authorizations,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function sendPart({ headers }: IncomingMessage, response: ServerResponse, bytes = content, etag = '"one"'): void {
  const [, from = "0", to = "0"] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? "") ?? [];
  const part = bytes.subarray(Number(from), Number(to) + 1);
  const range = `bytes ${from}-${Number(from) + part.length - 1}/${bytes.length}`;
  response.writeHead(206, { "content-range": range, "content-length": part.length, etag }).end(part);
}

const options = { folder, offline: false };

test("only the header of a model is read over the network", async () => {
  await using server = await serve(sendPart);
  const { header, path } = await readModelHeader(`${server.url}/stories.gguf`, options);
  expect(header).toMatchObject({ name: "Waggle Tiny Stories", fileBytes: content.length });
  expect(path).toBeUndefined();
  expect(server.ranges).toEqual(["bytes=0-262143"]);
});

test("the header of a local path is read from the file", async () => {
  expect(await readModelHeader(storyModel, options)).toMatchObject({ path: storyModel, header: { parts: 1 } });
});

test("the hub gets the token when it asks for one, but the target of the hub's redirect gets no token", async () => {
  await using store = await serve(sendPart);
  await using hub = await serve((request, response) => {
    if (request.headers.authorization === undefined) response.writeHead(401).end();
    else response.writeHead(302, { location: `${store.url}/blob` }).end();
  });
  const { header } = await readModelHeader("hf:user/repo/x.gguf", { ...options, endpoint: hub.url, token: "secret" });
  expect(header.architecture).toBe("llama");
  expect(hub.authorizations).toEqual([undefined, "Bearer secret"]);
  expect(store.authorizations).toEqual([undefined]);
});

describe("the error has the reason for", () => {
  test("a missing file", async () => {
    await using server = await serve((_, response) => void response.writeHead(404).end());
    await expect(readModelHeader(`${server.url}/x.gguf`, options)).rejects.toMatchObject({
      code: "unavailable",
      message: `Cannot read model ${server.url}/x.gguf: the server has no such file (HTTP 404)`,
    });
  });

  test("a server without ranges", async () => {
    await using server = await serve((_, response) => void response.writeHead(200).end(content));
    await expect(readModelHeader(`${server.url}/x.gguf`, options)).rejects.toThrow("does not support range requests");
  });

  test("a file that is not a model", async () => {
    await using server = await serve((request, response) => sendPart(request, response, Buffer.from("<html>")));
    await expect(readModelHeader(`${server.url}/x.gguf`, options)).rejects.toThrow(": not a GGUF file");
  });

  test("a missing path", async () => {
    await expect(readModelHeader("missing.gguf", options)).rejects.toThrow(
      "Cannot read model missing.gguf: no such file",
    );
  });

  test("a missing file in offline mode", async () => {
    await expect(readModelHeader("hf:user/repo:Q4_0", { ...options, offline: true })).rejects.toThrow("offline mode");
  });
});

describe("a source over the network", () => {
  test("rejects a file that changes between two reads", async () => {
    let answers = 0;
    await using server = await serve((request, response) => sendPart(request, response, content, `"${++answers}"`));
    const source = await openRemoteSource(server.url);
    await expect(source.read(500_000, 10)).rejects.toThrow("the file changed");
  });

  test("rejects more bytes than it asked for", async () => {
    await using server = await serve((_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-9/10" }).end(Buffer.alloc(1 << 20));
    });
    await expect(openRemoteSource(server.url)).rejects.toThrow("the server's answer is larger than 262144 bytes");
  });

  test("stops when its signal aborts", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    await using server = await serve(() => controller.abort(reason));
    await expect(openRemoteSource(server.url, { signal: controller.signal })).rejects.toBe(reason);
  });
});
