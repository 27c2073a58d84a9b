// Tests MCP 2026-07-28 over HTTP: which servers are asked in it, what each request says, and which parameters are headers.
import type { IncomingMessage, ServerResponse } from "node:http";
import { createFakeClock } from "@waggle/testing";
import { afterEach, expect, it } from "vitest";
import { startWebServer } from "../testing/web-server.ts";
import type { WebAnswer, WebServer } from "../testing/web-server.ts";
import { createConnection } from "./connection.ts";
import type { Connection } from "./connection.ts";
import { headersOfCall, headerText, paramHeadersOf } from "./param-headers.ts";

const version = "2026-07-28";
const closing: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});

const never = { client: "c", signal: new AbortController().signal };
const fine = { content: [{ type: "text", text: "fine" }] };
const discovered =
  (tools = {}): WebAnswer =>
  () => ({ supportedVersions: [version], capabilities: { tools } });

async function connectionOver(answers: Readonly<Record<string, WebAnswer>>): Promise<[Connection, WebServer]> {
  const web = await startWebServer({ "tools/call": () => fine, ...answers });
  const spec = {
    name: "new",
    transport: { kind: "http" as const, url: web.url, headers: {} },
    alwaysAllow: new Set<string>(),
  };
  const settings = { env: {}, version: "1", callTimeoutMs: 60_000, clock: createFakeClock(), onState: () => {} };
  const connection = createConnection({ spec, ...settings });
  closing.push(web.close, connection.close);
  return [connection, web];
}

const status =
  (code: number, body: object = {}): WebAnswer =>
  ({ id }, response) =>
    void response.writeHead(code, { "content-type": "application/json" }).end(JSON.stringify({ id, ...body }));
const refusal = (code: number, supported?: readonly string[]): object => ({
  error: { code, message: "no", data: { supported } },
});

it.each<[string, WebAnswer]>([
  ["400", status(400)],
  ["404", status(404, refusal(-32_601))],
  ["405", status(405)],
  ["500", status(500)],
  ["an error", status(200, refusal(-32_601))],
  ["the versions of another revision", status(400, refusal(-32_022, ["2025-11-25"]))],
  ["an odd result", () => ({})],
  ["other versions", () => ({ supportedVersions: ["2030-01-01"] })],
  ["a broken connection", (_, response) => void response.destroy()],
])("opens a session with a server that answers server/discover with %s", async (_, answer) => {
  const [connection, { seen }] = await connectionOver({ "server/discover": answer });
  expect(await connection.call("echo", {}, never)).toEqual({ kind: "done", text: "fine" });
  expect(seen.slice(0, 2)).toEqual(["POST server/discover", "POST initialize"]);
});

it("says in each request without a session what a session would know", async () => {
  const requests: unknown[] = [];
  const recorded =
    (answer: WebAnswer): WebAnswer =>
    (message, response, request) => {
      requests.push([nameHeaders(request), message.params._meta]);
      response.setHeader("mcp-session-id", "one");
      return answer(message, response, request);
    };
  const [connection] = await connectionOver({
    "server/discover": recorded(discovered()),
    "tools/list": recorded(() => ({ tools: [{ name: "echo" }] })),
    "tools/call": recorded(() => fine),
  });
  await connection.call("echo", {}, never);
  const meta = {
    "io.modelcontextprotocol/protocolVersion": version,
    "io.modelcontextprotocol/clientInfo": { name: "waggle", version: "1" },
    "io.modelcontextprotocol/clientCapabilities": {},
  };
  const always = { "mcp-protocol-version": version };
  expect(requests).toEqual([
    [{ ...always, "mcp-method": "server/discover" }, meta],
    [{ ...always, "mcp-method": "tools/list" }, meta],
    [{ ...always, "mcp-method": "tools/call", "mcp-name": "echo" }, meta],
  ]);
});

function nameHeaders({ headers }: IncomingMessage): unknown {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("mcp-")));
}

it("asks once more a server that refuses the version that it has", async () => {
  let asked = 0;
  const [connection, { seen }] = await connectionOver({
    "server/discover": (...all) =>
      (asked += 1) === 1 ? status(400, refusal(-32_022, [version]))(...all) : discovered()(...all),
  });
  await connection.call("echo", {}, never);
  expect(seen).toEqual(["POST server/discover", "POST server/discover", "POST tools/list", "POST tools/call"]);
});

it("repeats parameters as headers, offers no tool with an invalid mark, and lists the tools again after a wrong header", async () => {
  const calls: unknown[] = [];
  let mark = "Old";
  const [connection, { seen }] = await connectionOver({
    "server/discover": discovered(),
    "tools/list": () => ({
      tools: [marked("echo", { type: "string", "x-mcp-header": mark }), marked("bad", { "x-mcp-header": "A b" })],
    }),
    "tools/call"(message, response, request) {
      calls.push(nameHeaders(request));
      return mark === "New" && calls.length === 1 ? status(400, refusal(-32_020))(message, response, request) : fine;
    },
  });
  await connection.open();
  expect(connection.list).toMatchObject({
    tools: [{ name: "echo" }],
    leftOut: ["bad: its x-mcp-header is no name of a header"],
  });
  mark = "New";
  expect(await connection.call("echo", { at: "Rio" }, never)).toMatchObject({ kind: "done" });
  expect(calls).toMatchObject([{ "mcp-param-old": "Rio" }, { "mcp-param-new": "Rio" }]);
  expect(seen.filter((one) => one === "POST tools/list")).toHaveLength(2);
});

const marked = (name: string, at: object): object => ({ name, inputSchema: { type: "object", properties: { at } } });

it("ignores the marks of a server with sessions", async () => {
  const [connection] = await connectionOver({
    "tools/list": () => ({ tools: [marked("t", { "x-mcp-header": "A b" })] }),
  });
  await connection.open();
  expect(connection.list).toMatchObject({ tools: [{ name: "t" }], leftOut: [] });
});

it("follows the changes of tools without a session, and ends the response of a cancelled call", async () => {
  let name = "old";
  let isLeft = false;
  const streams: ServerResponse[] = [];
  const open: WebAnswer = (_, response) => {
    streams.push(response.writeHead(200, { "content-type": "text/event-stream" }));
    response.flushHeaders();
    response.on("close", () => (isLeft = true));
  };
  const [connection, { seen }] = await connectionOver({
    "server/discover": discovered({ listChanged: true }),
    "subscriptions/listen": open,
    "tools/list": () => ({ tools: [{ name }] }),
    "tools/call": open,
  });
  await connection.open();
  await expect.poll(() => streams.length).toBe(1);
  name = "new";
  streams[0]?.write(`data: ${JSON.stringify({ method: "notifications/tools/list_changed" })}\n\n`);
  await expect.poll(() => connection.list.tools.map((tool) => tool.name)).toEqual(["new"]);
  const leaving = new AbortController();
  const outcome = connection.call("new", {}, { client: "c", signal: leaving.signal });
  await expect.poll(() => streams.length).toBe(2);
  leaving.abort();
  expect((await outcome).kind).toBe("unknown");
  await expect.poll(() => isLeft).toBe(true);
  await connection.close();
  expect(seen.filter((one) => /cancel|^GET/.test(one))).toEqual([]);
});

const at = (schema: unknown): unknown => ({ type: "object", properties: { at: schema } });

it.each<[string, unknown, RegExp | undefined]>([
  ["an integer", at({ type: "integer", "x-mcp-header": "A" }), undefined],
  ["a value that may be null", at({ type: ["string", "null"], "x-mcp-header": "A" }), undefined],
  ["an inner property", at(at({ type: "string", "x-mcp-header": "A" })), undefined],
  ["a property with the mark's name", { properties: { "x-mcp-header": { type: "string" } } }, undefined],
  ["a value that looks like a mark", at({ default: { "x-mcp-header": 1 } }), undefined],
  ["an empty name", at({ type: "string", "x-mcp-header": "" }), /no name/],
  ["a line break", at({ type: "string", "x-mcp-header": "A\r\nB" }), /no name/],
  ["a name that is no text", at({ type: "string", "x-mcp-header": 1 }), /no name/],
  ["a number", at({ type: "number", "x-mcp-header": "A" }), /no string/],
  ["null alone", at({ type: "null", "x-mcp-header": "A" }), /no string/],
  ["no type", at({ "x-mcp-header": "A" }), /no string/],
  ["items", at({ items: { type: "string", "x-mcp-header": "A" } }), /path/],
  ["a choice", at({ anyOf: [at({ type: "string", "x-mcp-header": "A" })] }), /path/],
  ["the parameters", { type: "string", "x-mcp-header": "A" }, /path/],
  [
    "a name twice",
    { properties: { a: { type: "string", "x-mcp-header": "A" }, b: { type: "string", "x-mcp-header": "a" } } },
    /same/,
  ],
])("reads the mark of %s", (_, schema, problem) => {
  if (problem === undefined) expect(paramHeadersOf(schema)).toBeInstanceOf(Map);
  else expect(paramHeadersOf(schema)).toMatch(problem);
});

it.each<[unknown, object]>([
  [{ a: { b: "x" } }, { "mcp-param-one": "x" }],
  [{ a: { b: -7 } }, { "mcp-param-one": "-7" }],
  [{ a: { b: false } }, { "mcp-param-one": "false" }],
  [{ a: { b: "" } }, { "mcp-param-one": "" }],
  [{ a: { b: 1.5 } }, {}],
  [{ a: { b: null } }, {}],
  [{ a: { b: ["x"] } }, {}],
  [{ a: "b" }, {}],
  [{}, {}],
])("writes the headers of a call with %j", (given, headers) => {
  expect(headersOfCall(new Map([["mcp-param-one", ["a", "b"]]]), given as Readonly<Record<string, unknown>>)).toEqual(
    headers,
  );
});

it.each([
  ["us west", "us west"],
  ["Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="],
  [" padded ", "=?base64?IHBhZGRlZCA=?="],
  ["line1\nline2", "=?base64?bGluZTEKbGluZTI=?="],
  ["=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="],
])("writes %j into a header", (text, value) => {
  expect(headerText(text)).toBe(value);
});
