// Tests what a connection does when its server is slow to start, forgets it, or finished a call before the caller left.
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, it } from "vitest";
import type { ServerSpec } from "../servers/read-servers.ts";
import { createConnection } from "./connection.ts";
import type { Connection } from "./connection.ts";

const script = fileURLToPath(new URL("../testing/hostile-server.js", import.meta.url));

let folder: string;
const open: Connection[] = [];
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"))));
afterEach(async () => {
  await Promise.all(open.splice(0).map((connection) => connection.close()));
  rmSync(folder, { recursive: true });
});

const never = new AbortController().signal;

function connectionTo(transport: ServerSpec["transport"]): Connection {
  const spec = { name: "odd", transport, alwaysAllow: new Set<string>() };
  const settings = { env: process.env, version: "1", callTimeoutMs: 60_000, now: () => 0, onState: () => {} };
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

/** Less than the time limit for the start of a server. */
const limitMs = 50_000;

it("ends a call whose caller leaves while the server does not answer its start", { timeout: limitMs }, async () => {
  const stays = join(folder, "pid");
  const connection = connectionTo(stdio({ BAD_START: "silent", STAYS: stays }));
  const leaving = new AbortController();
  const outcome = connection.call("echo", {}, leaving.signal);
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
  await connection.call("echo", { text: "one" }, leaving.signal);
  const hanging = connection.call("hang", { text: "two" }, leaving.signal);
  await expect.poll(() => readFileSync(ledger, "utf8")).toContain("hang two");
  leaving.abort();
  await hanging;
  await connection.call("echo", { text: "three" }, never);
  expect(readFileSync(ledger, "utf8")).toBe("echo one\nhang two\ncancelled\necho three\n");
});

it("opens a new session when a server over HTTP has forgotten the old one", async () => {
  let session = "first";
  const http: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk: Buffer) => (body += chunk.toString()));
    request.on("end", () => {
      const { id, method, params } = JSON.parse(body) as { id?: number; method: string; params: object };
      if (method !== "initialize" && request.headers["mcp-session-id"] !== session)
        return void response.writeHead(404).end("Session not found");
      if (id === undefined) return void response.writeHead(202).end();
      const results: Record<string, unknown> = {
        initialize: { ...params, capabilities: {}, serverInfo: { name: "web", version: "1" } },
        "tools/call": { content: [{ type: "text", text: session }] },
      };
      response.writeHead(200, { "content-type": "application/json", "mcp-session-id": session });
      response.end(JSON.stringify({ jsonrpc: "2.0", id, result: results[method] }));
    });
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = http.address() as AddressInfo;
    const connection = connectionTo({ kind: "http", url: `http://127.0.0.1:${port}/mcp`, headers: {} });
    expect(await connection.call("t", {}, never)).toEqual({ kind: "done", text: "first" });
    session = "second";
    expect(await connection.call("t", {}, never)).toMatchObject({
      kind: "unknown",
      text: expect.stringMatching(/HTTP status 404/) as string,
    });
    expect(await connection.call("t", {}, never)).toEqual({ kind: "done", text: "second" });
  } finally {
    http.closeAllConnections();
    http.close();
  }
});
