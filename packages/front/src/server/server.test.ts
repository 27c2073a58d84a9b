// Tests which connection ends at the limit of connections, and which body is too slow.
import { once } from "node:events";
import { Server, connect, type Socket } from "node:net";
import { expect, it, onTestFinished, vi } from "vitest";
import type { App } from "./app.ts";
import { listen } from "./server.ts";

const wait = "GET /wait HTTP/1.1\r\nHost: x\r\n\r\n";
const answer = "GET /answer HTTP/1.1\r\nHost: x\r\n\r\n";

it.each([
  [
    "an idle one before busy ones",
    [
      ["127.0.0.2", wait],
      ["127.0.0.2", ""],
      ["127.0.0.2", wait],
    ],
    1,
  ],
  [
    "the newest of the address with the most",
    [
      ["127.0.0.3", wait],
      ["127.0.0.2", wait],
      ["127.0.0.2", wait],
    ],
    2,
  ],
  [
    "no idle one of an address with fewer",
    [
      ["127.0.0.3", ""],
      ["127.0.0.2", wait],
      ["127.0.0.2", wait],
    ],
    2,
  ],
] as const)("at the limit of connections ends %s", async (_, open, ending) => {
  let waiting = 0;
  const fetch = async (request: Request): Promise<Response> => {
    if (request.url.endsWith("/answer")) return new Response("ok");
    waiting += 1;
    return await new Promise(() => {});
  };
  const limits = { maxConnections: 3, requestTimeoutMs: 30_000, readerStallTimeoutMs: 30_000 };
  const server = await listen({ fetch } as unknown as App, "127.0.0.1", 0, limits);
  onTestFinished(async () => await server.close());
  const closed: number[] = [];
  const opened = async (localAddress: string, text: string): Promise<Socket> => {
    const socket = connect({ host: "127.0.0.1", port: Number(new URL(server.url).port), localAddress });
    socket.on("error", () => {});
    await once(socket, "connect");
    socket.write(text);
    return socket;
  };
  for (const [index, [address, text]] of open.entries()) {
    const before = waiting;
    const socket = await opened(address, text);
    socket.resume().once("close", () => closed.push(index));
    if (text !== "") await expect.poll(() => waiting).toBe(before + 1);
  }
  const [data] = (await once(await opened("127.0.0.1", answer), "data")) as [Buffer];
  expect(data.toString()).toContain("200 OK");
  await expect.poll(() => closed).toEqual([ending]);
});

it.each([
  ["stops arriving", 0, "400 Refused"],
  ["stops arriving after some time", 3, "400 Refused"],
  ["arrives for longer than the time limit", 3, "200 OK"],
])("a body that %s has the right answer", async (_, times, status) => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  let read = 0;
  const fetch = async ({ body }: Request): Promise<Response> => {
    for await (const { length } of body ?? []) read += length;
    return new Response("all");
  };
  const limits = { maxConnections: 3, requestTimeoutMs: 30_000, readerStallTimeoutMs: 30_000 };
  const server = await listen({ fetch } as unknown as App, "127.0.0.1", 0, limits);
  onTestFinished(async () => await server.close());
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1");
  socket.on("error", () => {});
  const answered = once(socket, "data") as Promise<[Buffer]>;
  socket.write("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
  await expect.poll(() => vi.getTimerCount()).toBe(1);
  for (let time = 1; time <= times; time += 1) {
    socket.write(`200000\r\n${"x".repeat(0x200000)}\r\n`);
    await expect.poll(() => read).toBe(time * 0x200000);
    vi.advanceTimersByTime(30_000);
  }
  if (status === "200 OK") socket.write("0\r\n\r\n");
  else vi.advanceTimersByTime(30_000);
  expect((await answered)[0].toString()).toContain(status);
});

it("does no work for a request whose client has left", async () => {
  const asked: string[] = [];
  const fetch = (request: Request) => new Response(String(asked.push(request.url)));
  const limits = { maxConnections: 64, requestTimeoutMs: 30_000, readerStallTimeoutMs: 30_000 };
  const server = await listen({ fetch } as unknown as App, "127.0.0.1", 0, limits);
  onTestFinished(async () => await server.close());
  const port = Number(new URL(server.url).port);
  const post = "POST /v1/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
  const left = Array.from({ length: 20 }, () => connect(port, "127.0.0.1").end(post).resume());
  await Promise.all(left.map((socket) => once(socket, "close")));
  expect(asked).toEqual([]);
  const stays = connect(port, "127.0.0.1");
  stays.write(post);
  const [answer] = (await once(stays, "data")) as [Buffer];
  stays.destroy();
  expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
});

it("lives on when the system cannot give a connection", async () => {
  const listening = vi.spyOn(Server.prototype, "listen");
  onTestFinished(() => listening.mockRestore());
  const limits = { maxConnections: 3, requestTimeoutMs: 30_000, readerStallTimeoutMs: 30_000 };
  const server = await listen({ fetch: () => new Response("ok") } as unknown as App, "127.0.0.1", 0, limits);
  onTestFinished(async () => await server.close());
  (listening.mock.contexts[0] as Server | undefined)?.emit("error", new Error("accept EMFILE"));
  expect(await (await fetch(server.url)).text()).toBe("ok");
});
