import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { afterEach, expect, it } from "vitest";
import { fetchDirectly } from "./fetch-directly.ts";
import { networkReason } from "./network-reason.ts";

const servers: ReturnType<typeof createServer>[] = [];
afterEach(() => servers.splice(0).forEach((server) => server.close()));

/** Serves this text to everything that connects. Returns host and port. */
async function serve(text: string | undefined): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => (text === undefined ? socket.destroy() : socket.end(text)));
  }).listen(0, "127.0.0.1");
  servers.push(server);
  await once(server, "listening");
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function reasonFor(url: string): Promise<string> {
  try {
    await fetchDirectly(fetch, url, {});
  } catch (error) {
    return networkReason(error);
  }
  throw new Error(`${url} answers`);
}

it("a failed request has a reason in words", async () => {
  expect(await reasonFor("http://127.0.0.1:2")).toBe("connection refused");
  expect(await reasonFor("http://no-such-host.invalid")).toMatch(/^(unknown host name|no answer about the host name)$/);
  expect(await reasonFor("http://127.0.0.1:1")).toBe("a blocked port, as in browsers");
  expect(await reasonFor(`http://${await serve(undefined)}`)).toMatch(/^connection (closed|reset)$/);
  expect(await reasonFor(`http://${await serve("hello\r\n\r\n")}`)).toBe("an answer that is not HTTP");
  expect(await reasonFor(`https://${await serve("HTTP/1.1 400 Bad Request\r\n\r\n")}`)).toBe("no TLS there; try http");
  const handshakeFailure = "\u0015\u0003\u0003\u0000\u0002\u0002\u0028";
  expect(await reasonFor(`https://${await serve(handshakeFailure)}`)).toBe("no TLS connection");
  const moved = "HTTP/1.1 302 Found\r\nlocation: /\r\ncontent-length: 0\r\n\r\n";
  expect(await reasonFor(`http://${await serve(moved)}`)).toBe("a redirect");
});

it("an unknown reason is its code, or its message", () => {
  expect(networkReason(new TypeError("fetch failed", { cause: Object.assign(new Error(""), { code: "EWHAT" }) }))).toBe(
    "EWHAT",
  );
  expect(networkReason(new Error("it broke"))).toBe("it broke");
  expect(networkReason("it broke")).toBe("it broke");
});
