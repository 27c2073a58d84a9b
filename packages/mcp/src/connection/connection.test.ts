// Tests what a connection does when its server is slow to start, forgets it, changes, refuses or loses a call, over stdio and HTTP.
import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { constants, getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createFakeClock, needs } from "@waggle/testing";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ServerSpec } from "../servers/read-servers.ts";
import { startWebServer } from "../testing/web-server.ts";
import type { WebAnswer, WebServer } from "../testing/web-server.ts";
import { createConnection } from "./connection.ts";
import type { Connection } from "./connection.ts";

const script = fileURLToPath(new URL("../testing/hostile-server.js", import.meta.url));

let folder: string;
const open: Connection[] = [];
const webs: WebServer[] = [];
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"))));
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  await Promise.all(webs.splice(0).map((web) => web.close()));
});

const client = "c";
const never = { client, signal: new AbortController().signal };

function connectionTo(
  transport: ServerSpec["transport"],
  clock = createFakeClock(),
  alwaysAllow = new Set<string>(),
): Connection {
  const spec = { name: "odd", transport, alwaysAllow };
  const settings = { env: process.env, version: "1", callTimeoutMs: 60_000, clock, onState: () => {} };
  const connection = createConnection({ spec, ...settings });
  open.push(connection);
  return connection;
}

const stdio = (env: Record<string, string>): ServerSpec["transport"] => ({
  kind: "stdio",
  command: process.execPath,
  args: [script],
  env,
});

async function connectionOver(answers: Readonly<Record<string, WebAnswer>>): Promise<[Connection, WebServer]> {
  const web = await startWebServer(answers);
  webs.push(web);
  return [connectionTo({ kind: "http", url: web.url, headers: {} }), web];
}

it("ends a call whose caller leaves while the server does not answer its start", async () => {
  const stays = join(folder, "pid");
  const connection = connectionTo(stdio({ BAD_START: "silent", STAYS: stays }));
  const leaving = new AbortController();
  const outcome = connection.call("echo", {}, { client, signal: leaving.signal });
  await expect.poll(() => existsSync(stays)).toBe(true);
  leaving.abort();
  expect(await outcome).toMatchObject({ kind: "failed", text: expect.stringMatching(/before it was sent/) as string });
  // The start continues until the connection is closed.
  await connection.close();
  expect(connection.state).toEqual({ name: "closed" });
});

it("fails alone without a thread, and calls try again after a delay", async () => {
  // A thread does not start with data that cannot be copied.
  const alwaysAllow = new Set([(() => {}) as never]);
  const clock = createFakeClock();
  const connection = connectionTo(stdio({}), clock, alwaysAllow);
  const failed = { kind: "failed", text: expect.stringMatching(/its thread cannot start: .*not sent/) as string };
  expect(await connection.call("echo", {}, never)).toMatchObject(failed);
  await connection.firstStart();
  expect(connection.state.name).toBe("failed");
  alwaysAllow.clear();
  expect(await connection.call("echo", {}, never)).toMatchObject(failed);
  clock.advance(1_000);
  expect((await connection.call("echo", {}, never)).kind).toBe("done");
});

it("starts a server that ends with each call only so often", async () => {
  const clock = createFakeClock();
  const connection = connectionTo(stdio({}), clock);
  const outcomes = async (calls: number): Promise<readonly string[]> => {
    const kinds: string[] = [];
    for (let i = 0; i < calls; i += 1) kinds.push((await connection.call("die", {}, never)).kind);
    return kinds;
  };
  expect(await outcomes(10)).toEqual([...Array.from({ length: 8 }, () => "unknown"), "failed", "failed"]);
  clock.advance(30_000);
  expect(await outcomes(1)).toEqual(["unknown"]);
});

it("tells the server of no cancel after the call has ended", async () => {
  const ledger = join(folder, "ledger");
  const connection = connectionTo(stdio({ LEDGER: ledger }));
  const leaving = new AbortController();
  await connection.call("echo", { text: "one" }, { client, signal: leaving.signal });
  const hanging = connection.call("hang", { text: "two" }, { client, signal: leaving.signal });
  await expect.poll(() => readFileSync(ledger, "utf8")).toContain("hang two");
  leaving.abort();
  await hanging;
  await connection.call("echo", { text: "three" }, never);
  expect(readFileSync(ledger, "utf8")).toBe("echo one\nhang two\ncancelled\necho three\n");
});

it("reads a server at a lower priority, and runs it at the usual one", needs("Linux"), async () => {
  const stays = join(folder, "pid");
  await connectionTo(stdio({ STAYS: stays })).open();
  const priorities = readdirSync("/proc/self/task").map((thread) => getPriority(Number(thread)));
  expect(priorities).toContain(constants.priority.PRIORITY_BELOW_NORMAL);
  expect(getPriority(Number(readFileSync(stays, "utf8")))).toBe(getPriority());
});

it("follows the changes of a server's list of tools over stdio", async () => {
  const connection = connectionTo(stdio({}));
  await connection.call("change", {}, never);
  const names = (): unknown => connection.list.tools.map(({ name }) => name);
  await expect.poll(names).toContain("late");
  expect(names()).not.toContain("noise");
});

it("does not send a call to a server that does not read its input", async () => {
  const [hold, ledger] = [join(folder, "hold"), join(folder, "ledger")];
  const connection = connectionTo(stdio({ HOLD: hold, LEDGER: ledger }));
  expect((await connection.call("deaf", {}, never)).kind).toBe("done");
  const long = connection.call("echo", { text: "x".repeat(3_000_000) }, never);
  expect(await connection.call("echo", { text: "y".repeat(3_000_000) }, never)).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/it does not read its input\. The call was not sent/) as string,
  });
  writeFileSync(hold, "");
  expect((await long).kind).toBe("done");
  await connection.call("echo", { text: "last" }, never);
  expect(readFileSync(ledger, "utf8").match(/^(?:deaf|echo .)/gm)).toEqual(["deaf", "echo x", "echo l"]);
});

it("runs 16 calls at a time, and sends none that is cancelled while it waits", async () => {
  const ledger = join(folder, "ledger");
  const connection = connectionTo(stdio({ LEDGER: ledger }));
  const hang = (text: string, signal: AbortSignal): Promise<unknown> =>
    connection.call("hang", { text }, { client, signal });
  const runs = (): string[] => (existsSync(ledger) ? readFileSync(ledger, "utf8").split("\n").slice(0, -1) : []);
  const [first, others, waiting] = [new AbortController(), new AbortController(), new AbortController()];
  const outcomes = [hang("0", first.signal), ...Array.from({ length: 15 }, () => hang("", others.signal))];
  await expect.poll(() => runs().length).toBe(16);
  const left = hang("left", waiting.signal);
  outcomes.push(hang("next", others.signal));
  // A call that did not have to wait would be on its way now.
  await new Promise(setImmediate);
  waiting.abort();
  expect(await left).toMatchObject({ kind: "failed", text: expect.stringMatching(/before it was sent/) as string });
  first.abort();
  await expect.poll(runs).toContain("hang next");
  expect(runs().slice(16)).toEqual(["cancelled", "hang next"]);
  others.abort();
  for (const outcome of outcomes) expect(await outcome).toMatchObject({ kind: "unknown" });
});

const text = (words: string): object => ({ content: [{ type: "text", text: words }] });
const json = (response: ServerResponse, status: number, body: object): void =>
  void response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
const error = (id: unknown, message: string): object => ({ jsonrpc: "2.0", id, error: { code: -32000, message } });

it.each<[string, WebAnswer]>([
  ["404", (_, response) => void response.writeHead(404).end("gone")],
  ["404 with an error", (_, response) => json(response, 404, error(null, "Not found"))],
  ["400 with words", (_, response) => void response.writeHead(400).end("No valid session ID provided")],
  ["400 with an error", ({ id }, response) => json(response, 400, error(id, "Bad Request: Server not initialized"))],
  ["an error", ({ id }, response) => json(response, 200, error(id, "Session not found"))],
])(
  "makes a call in a new session when a server over HTTP has forgotten the old one and says so with %s",
  async (_, refuse) => {
    let session = "first";
    let version: string | undefined;
    const ran: string[] = [];
    const inSession =
      (answer: WebAnswer): WebAnswer =>
      (message, response, request) =>
        request.headers["mcp-session-id"] === session && request.headers["mcp-protocol-version"] === version
          ? answer(message, response, request)
          : refuse(message, response, request);
    const [connection] = await connectionOver({
      initialize({ params }, response) {
        response.setHeader("mcp-session-id", session);
        version = params.protocolVersion;
        return { ...params, capabilities: { tools: {} }, serverInfo: { name: "web", version: "1" } };
      },
      ping: inSession(() => ({})),
      "tools/list": inSession(() => ({ tools: [{ name: `in-${session}` }] })),
      "tools/call": inSession(() => {
        ran.push(session);
        return text(session);
      }),
    });
    expect(await connection.call("t", {}, never)).toEqual({ kind: "done", text: "first" });
    session = "second";
    const calls = ["t", "t"].map(async (tool) => await connection.call(tool, {}, never));
    expect(await Promise.all(calls)).toEqual(Array(2).fill({ kind: "done", text: "second" }));
    expect(ran).toEqual(["first", "second", "second"]);
    await expect.poll(() => connection.list.tools.map(({ name }) => name)).toEqual(["in-second"]);
  },
);

it.each<[string, WebAnswer]>([
  ["a result", () => ({})],
  ["another error", ({ id }, response) => json(response, 200, error(id, "Unknown method"))],
])("does not repeat a call whose tool speaks of sessions when a ping gets %s", async (_, ping) => {
  const [connection, { seen }] = await connectionOver({
    initialize({ params }, response) {
      response.setHeader("mcp-session-id", "one");
      return { ...params, capabilities: {} };
    },
    ping,
    "tools/call": ({ id }, response) => json(response, 200, error(id, "The browser session was not found")),
  });
  expect(await connection.call("t", {}, never)).toEqual({
    kind: "tool_error",
    text: "The browser session was not found",
  });
  expect(seen.filter((one) => one === "POST tools/call")).toHaveLength(1);
});

it.each<[string, WebAnswer, string, RegExp]>([
  [
    "401",
    (_, response) => json(response, 401, { error: "no" }),
    "failed",
    /did not take the call: it answered with HTTP status 401/,
  ],
  ["a 400 with an error", ({ id }, response) => json(response, 400, error(id, "bad date")), "tool_error", /^bad date$/],
  ["500", (_, response) => void response.writeHead(500).end(), "unknown", /HTTP status 500/],
  ["202", (_, response) => void response.writeHead(202).end(), "unknown", /it gave no result/],
  ["a page", (_, response) => void response.end("<html>"), "tool_error", /is no message of MCP/],
  [
    "the id of another request",
    (_, response) => json(response, 200, { id: 77, result: text("fine") }),
    "done",
    /^fine$/,
  ],
  ["an error with an id of null", (_, response) => json(response, 200, error(null, "bad")), "tool_error", /^bad$/],
  [
    "a broken connection",
    (_, response) => void response.destroy(),
    "unknown",
    /it cannot be reached|its connection ended/,
  ],
  [
    "a flood of pings",
    (_, response) => void response.writeHead(200, stream).end(`data: {"id":1,"method":"ping"}\n\n`.repeat(2_000)),
    "unknown",
    /more than 1000 messages/,
  ],
  [
    "a long event",
    (_, response) => void response.writeHead(200, stream).end(`data: ${"x".repeat(5_000_000)}`),
    "unknown",
    /more than 4194304 bytes/,
  ],
])("says what became of a call over HTTP that is answered with %s", async (_, answer, kind, words) => {
  const [connection] = await connectionOver({ "tools/call": answer });
  expect(await connection.call("echo", {}, never)).toMatchObject({
    kind,
    text: expect.stringMatching(words) as string,
  });
});

it("answers few pings of a server over HTTP at a time", async () => {
  const ping = `data: {"id":1,"method":"ping"}\n\n`;
  const [connection, { seen }] = await connectionOver({
    "tools/call"({ id }, response) {
      const last = `data: ${JSON.stringify({ id, result: text("fine") })}\n\n`;
      response.writeHead(200, stream).end(ping.repeat(400) + last);
    },
  });
  expect(await connection.call("echo", {}, never)).toEqual({ kind: "done", text: "fine" });
  expect(await connection.call("echo", {}, never)).toEqual({ kind: "done", text: "fine" });
  expect(seen).toContain("POST");
  expect(seen.filter((one) => one === "POST").length).toBeLessThan(50);
});

it("reads a list of tools whose cursor does not advance once", async () => {
  const [connection, { seen }] = await connectionOver({
    "tools/list": () => ({ tools: [{ name: "t" }], nextCursor: "same" }),
  });
  await connection.open();
  expect([connection.list.tools.length, connection.list.leftOut]).toEqual([1, []]);
  expect(seen.filter((one) => one === "POST tools/list")).toHaveLength(2);
});

const stream = { "content-type": "text/event-stream" };

it("does not send a call to a server over HTTP that cannot be reached", async () => {
  const [connection, web] = await connectionOver({});
  await connection.open();
  await web.close();
  const outcome = await connection.call("echo", {}, never);
  expect(outcome).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/ECONNREFUSED.*was not sent/) as string,
  });
  expect([connection.state.name, connection.list.tools.length]).toEqual(["failed", 1]);
  await connection.open();
  expect(connection).toMatchObject({ state: { name: "failed" }, list: { tools: [] } });
});

it.each(["ended", "broken"])("asks again for the %s stream of a call, without sending the call again", async (how) => {
  let call: unknown;
  const [connection, { seen }] = await connectionOver({
    GET(_, response, { headers }) {
      if (headers["last-event-id"] === undefined) return void response.writeHead(405).end();
      response.writeHead(200, stream);
      const isLast = headers["last-event-id"] === "2";
      const result = JSON.stringify({ id: call, result: text("plum") });
      response.end(isLast ? `id: 3\ndata: ${result}\n\n` : "id: 2\nretry: 1\ndata:\n\n");
    },
    "tools/call"({ id }, response) {
      call = id;
      response.writeHead(200, stream);
      response.write("id: 1\nretry: 1\ndata: \n\n", () => (how === "ended" ? response.end() : response.destroy()));
    },
  });
  expect(await connection.call("echo", {}, never)).toEqual({ kind: "done", text: "plum" });
  expect(seen.filter((one) => one === "POST tools/call")).toHaveLength(1);
});

it.each([
  ["without an id", "data: \n\n", 0],
  ["that does not continue", "id: 1\nretry: 1\ndata: \n\n", 8],
])("gives up a closed stream %s", async (_, first, asked) => {
  const resumed: unknown[] = [];
  const [connection] = await connectionOver({
    GET(_message, response, { headers }) {
      if (headers["last-event-id"] === undefined) return void response.writeHead(405).end();
      resumed.push(headers["last-event-id"]);
      response.writeHead(200, stream).end();
    },
    "tools/call": (_message, response) => void response.writeHead(200, stream).end(first),
  });
  expect(await connection.call("echo", {}, never)).toMatchObject({
    kind: "unknown",
    text: expect.stringMatching(/its answer ended before the result/) as string,
  });
  expect(resumed).toHaveLength(asked);
});

it("ends the response of a server over HTTP that refuses its stream and never ends its words", async () => {
  const endless = new Set<ServerResponse>();
  const [connection, { seen }] = await connectionOver({
    GET(_, response) {
      endless.add(response);
      response
        .once("close", () => endless.delete(response))
        .writeHead(405)
        .write("no");
    },
  });
  await connection.open();
  await expect.poll(() => seen).toContain("GET");
  // Without an end, the response would be left to the garbage collector.
  await expect.poll(() => endless.size).toBe(0);
});

it("asks at most ten times a second for a stream that a server over HTTP closes again and again", async () => {
  const times: number[] = [];
  const [connection] = await connectionOver({
    GET(_, response) {
      times.push(performance.now());
      response.writeHead(200, stream).end(`id: ${times.length}\nretry: 0\ndata: \n\n`);
    },
  });
  await connection.open();
  await expect.poll(() => times.length).toBeGreaterThan(5);
  expect((times[5] ?? 0) - (times[0] ?? 0)).toBeGreaterThan(450);
});

it("follows the changes of a server's list of tools over HTTP", async () => {
  let name = "old";
  const listening: ServerResponse[] = [];
  const [connection] = await connectionOver({
    GET: (_, response) => void listening.push(response.writeHead(200, stream)),
    "tools/list": () => ({ tools: [{ name }] }),
  });
  await connection.open();
  const names = (): unknown => connection.list.tools.map((tool) => tool.name);
  expect(names()).toEqual(["old"]);
  await expect.poll(() => listening.length).toBe(1);
  name = "new";
  listening[0]?.write(`data: ${JSON.stringify({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })}\n\n`);
  await expect.poll(names).toEqual(["new"]);
});

it("tells a server over HTTP of a cancelled call, also when it takes no answers to its pings", async () => {
  const [connection, { seen }] = await connectionOver({
    "": () => undefined,
    "tools/call": (_, response) =>
      void response.writeHead(200, stream).write(`data: {"id":1,"method":"ping"}\n\n`.repeat(10)),
  });
  const leaving = new AbortController();
  const outcome = connection.call("echo", {}, { client, signal: leaving.signal });
  await expect.poll(() => seen.filter((one) => one === "POST")).toHaveLength(4);
  leaving.abort();
  expect((await outcome).kind).toBe("unknown");
  await expect.poll(() => seen).toContain("POST notifications/cancelled");
});

it("returns the memory that large messages needed", async () => {
  const body = `{"id":1,"result":{"content":[],"_meta":[${"{},".repeat(400_000)}0]}}`;
  const [connection] = await connectionOver({ "tools/call": (_, response) => void response.end(body) });
  await connection.open();
  const before = process.memoryUsage.rss();
  for (let calls = 0; calls < 3; calls += 1) expect((await connection.call("echo", {}, never)).kind).toBe("done");
  const more = (): number => (process.memoryUsage.rss() - before) / 1_048_576;
  await expect.poll(more).toBeLessThan(50);
});
