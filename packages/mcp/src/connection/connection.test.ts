// Tests what a connection does when its server is slow to start, forgets it, changes, refuses or loses a call, over stdio and HTTP.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { systemClock } from "@waggle/async";
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
  rmSync(folder, { recursive: true });
});

const client = "c";
const never = { client, signal: new AbortController().signal };

function connectionTo(transport: ServerSpec["transport"]): Connection {
  const spec = { name: "odd", transport, alwaysAllow: new Set<string>() };
  const settings = { env: process.env, version: "1", callTimeoutMs: 60_000, clock: systemClock, onState: () => {} };
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

/** Less than the time limit for the start of a server. */
const limitMs = 50_000;

it("ends a call whose caller leaves while the server does not answer its start", { timeout: limitMs }, async () => {
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

it("follows the changes of a server's list of tools over stdio", async () => {
  const connection = connectionTo(stdio({}));
  await connection.call("change", {}, never);
  const names = (): unknown => connection.list.tools.map(({ name }) => name);
  await expect.poll(names).toContain("late");
  expect(names()).not.toContain("noise");
});

it("does not send a call to a server that does not read its input", async () => {
  const connection = connectionTo(stdio({}));
  expect((await connection.call("deaf", {}, never)).kind).toBe("done");
  const leaving = new AbortController();
  const text = "x".repeat(3_000_000);
  const first = connection.call("echo", { text }, { client, signal: leaving.signal });
  expect(await connection.call("echo", { text }, never)).toMatchObject({
    kind: "failed",
    text: expect.stringMatching(/it does not read its input\. The call was not sent/) as string,
  });
  leaving.abort();
  expect((await first).kind).toBe("unknown");
});

it("runs 16 calls at a time, and sends none that is cancelled while it waits", async () => {
  const ledger = join(folder, "ledger");
  const connection = connectionTo(stdio({ LEDGER: ledger }));
  const leaving = new AbortController();
  const running = Array.from(
    { length: 16 },
    async () => await connection.call("hang", {}, { client, signal: leaving.signal }),
  );
  await expect.poll(() => (existsSync(ledger) ? readFileSync(ledger, "utf8").match(/hang/g)?.length : 0)).toBe(16);
  const waiting = new AbortController();
  const waits = connection.call("echo", { text: "left" }, { client, signal: waiting.signal });
  const next = connection.call("echo", { text: "next" }, never);
  waiting.abort();
  expect(await waits).toMatchObject({ kind: "failed" });
  leaving.abort();
  expect(await next).toEqual({ kind: "done", text: "echo: next" });
  expect((await Promise.all(running)).every(({ kind }) => kind === "unknown")).toBe(true);
  expect(readFileSync(ledger, "utf8")).not.toContain("left");
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
    const ran: string[] = [];
    const inSession =
      (answer: WebAnswer): WebAnswer =>
      (message, response, request) =>
        request.headers["mcp-session-id"] === session
          ? answer(message, response, request)
          : refuse(message, response, request);
    const [connection] = await connectionOver({
      initialize({ params }, response) {
        response.setHeader("mcp-session-id", session);
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

it("does not repeat a call whose tool speaks of sessions", async () => {
  const [connection, { seen }] = await connectionOver({
    initialize({ params }, response) {
      response.setHeader("mcp-session-id", "one");
      return { ...params, capabilities: {} };
    },
    ping: () => ({}),
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
  const [connection, { seen }] = await connectionOver({ "tools/call": answer });
  expect(await connection.call("echo", {}, never)).toMatchObject({
    kind,
    text: expect.stringMatching(words) as string,
  });
  // The answers to pings, of which few are sent at a time.
  expect(seen.filter((one) => one === "POST").length).toBeLessThan(50);
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
  expect(connection.state.name).toBe("failed");
});

it("asks again for the closed stream of a call, without sending the call again", async () => {
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
      response.writeHead(200, stream).end("id: 1\nretry: 1\ndata: \n\n");
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

it("tells a server over HTTP of a cancelled call", async () => {
  const [connection, { seen }] = await connectionOver({ "tools/call": () => undefined });
  const leaving = new AbortController();
  const outcome = connection.call("echo", {}, { client, signal: leaving.signal });
  await expect.poll(() => seen).toContain("POST tools/call");
  leaving.abort();
  expect((await outcome).kind).toBe("unknown");
  await expect.poll(() => seen).toContain("POST notifications/cancelled");
});
