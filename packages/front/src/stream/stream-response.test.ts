// Streamed bodies over a real socket, which tests the chunked encoding.
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, describe, expect, it } from "vitest";
import type { AppContext } from "../server/context.ts";
import { streamResponse } from "./stream-response.ts";

let server: Server | undefined;

afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** Answers each request with the chunks of `sourceOf` for the request's path. */
async function serve(sourceOf: (path: string, outgoing: ServerResponse) => AsyncIterable<string>): Promise<number> {
  server = createServer((incoming, outgoing) => {
    const c = {
      env: { outgoing },
      body: (body: null, status: number, headers: Record<string, string>) => new Response(body, { status, headers }),
    };
    streamResponse(c as unknown as AppContext, sourceOf(incoming.url ?? "", outgoing)[Symbol.asyncIterator](), {
      "content-type": "text/plain",
    });
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return (server.address() as AddressInfo).port;
}

async function* of(...chunks: readonly string[]): AsyncGenerator<string> {
  yield* chunks;
}

/** Sends these bytes, and returns all bytes until the server closes the connection. */
async function exchange(port: number, request: string): Promise<string> {
  const socket = connect(port, "127.0.0.1");
  socket.write(request);
  return await text(socket);
}

const close = "host: x\r\nconnection: close\r\n\r\n";

describe("a streamed body", () => {
  it("has a chunk for each text, with the length of the text in bytes, and an empty last chunk", async () => {
    const port = await serve(() => of("one", "", "zwölf 🐝", "x".repeat(300)));
    const answer = await exchange(port, `GET / HTTP/1.1\r\n${close}`);
    const body = answer.slice(answer.indexOf("\r\n\r\n") + 4);
    expect(body).toBe(`3\r\none\r\nb\r\nzwölf 🐝\r\n12c\r\n${"x".repeat(300)}\r\n0\r\n\r\n`);
  });

  it("has no chunked encoding for an HTTP/1.0 client", async () => {
    const port = await serve(() => of("one", "two"));
    const answer = await exchange(port, `GET / HTTP/1.0\r\n${close}`);
    expect(answer.slice(answer.indexOf("\r\n\r\n") + 4)).toBe("onetwo");
  });

  it("waits for the earlier response on the same connection", async () => {
    const answers: Record<string, readonly string[]> = { "/1": ["a", "b"], "/2": ["c", "d"] };
    const port = await serve((path) => of(...(answers[path] ?? [])));
    const answer = await exchange(port, `GET /1 HTTP/1.1\r\nhost: x\r\n\r\nGET /2 HTTP/1.1\r\n${close}`);
    const bodies = answer.split(/HTTP\/1\.1 200 OK\r\n/).map((part) => part.slice(part.indexOf("\r\n\r\n") + 4));
    expect(bodies.slice(1)).toEqual(["1\r\na\r\n1\r\nb\r\n0\r\n\r\n", "1\r\nc\r\n1\r\nd\r\n0\r\n\r\n"]);
  });

  it("is not pulled while the socket is full, and arrives completely once the client reads", async () => {
    const [count, chunk] = [2_000, "x".repeat(10_000)];
    let pulledWhileFull = 0;
    async function* source(outgoing: ServerResponse): AsyncGenerator<string> {
      for (let i = 0; i < count; i += 1) {
        if (outgoing.socket?.writableNeedDrain === true) pulledWhileFull += 1;
        yield chunk;
      }
    }
    const port = await serve((_path, outgoing) => source(outgoing));
    const request = get({ port, host: "127.0.0.1" });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    expect([(await text(response)).length, pulledWhileFull]).toEqual([count * chunk.length, 0]);
  });
});
