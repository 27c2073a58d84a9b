// Tests which clients may run the tools of which MCP servers, on the native routes and in Responses.
import { createTokenTable } from "@waggle/daemon/tokens";
import type { HttpAccess } from "@waggle/front";
import type { ToolServer } from "@waggle/mcp";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createInlineTools } from "../../testing/inline-tools.ts";
import type { InlineTools } from "../../testing/inline-tools.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const tokens = createTokenTable([
  { name: "root", token: "root", admin: true },
  { name: "ann", token: "ann", tools: new Set(["s", "gone"]) },
  { name: "bob", token: "bob", tools: "all" },
]);

const { worker, start: startWorker, call, lastConversation } = useInlineWorker();
let inline: InlineTools;
/** Servers that were connected. */
let connected: string[];
beforeEach(async () => await start({ localMode: false, tokens: () => tokens }));
afterEach(async () => await worker.close());

/** Starts a worker with the servers `s` and `t`. */
async function start(access: Partial<HttpAccess>): Promise<void> {
  inline = await createInlineTools();
  connected = [];
  const servers = ["s", "t"].map((name): ToolServer => {
    const tool = { functionName: `${name}__free`, server: name, name: "free", description: "", parameters: {} };
    return { name, state: "ready", tools: [{ ...tool, allowed: true }], leftOut: [] };
  });
  const list = async (names: ReadonlySet<string> = new Set(["s", "t"])): Promise<readonly ToolServer[]> => {
    connected.push(...names);
    return await Promise.resolve(servers.filter(({ name }) => names.has(name)));
  };
  const read = async (): Promise<readonly ToolServer[]> => await Promise.resolve(servers);
  const mcp = { ...inline.mcp, servers: { ...inline.mcp.servers, names: ["s", "t"], list, read } };
  startWorker({ mcp, access });
}

async function ask(client: string, method: string, path: string, body?: object): Promise<Response> {
  return await call(method, path, body, { authorization: `Bearer ${client}` });
}

const native = async (client: string, tools: unknown): Promise<Response> =>
  await ask(client, "POST", "/v1/inference", {
    messages: [{ role: "user", content: "Hi." }],
    ...{ max_tokens: 1, mcp_tools: tools },
  });
const responses = async (client: string, label: string): Promise<Response> =>
  await ask(client, "POST", "/v1/responses", {
    ...{ input: "Hi.", max_output_tokens: 1 },
    tools: [{ type: "mcp", server_label: label }],
  });

async function errorOf(response: Response): Promise<unknown[]> {
  const { error } = (await response.json()) as { error: { message: string } };
  return [response.status, error.message];
}

/** The servers whose tools the model's prompt offers. */
async function offered(response: Response): Promise<unknown> {
  expect([response.status, await response.text()]).toEqual([200, expect.anything()]);
  return lastConversation().tools?.map((tool) => tool.function.name.split("__")[0]);
}

const deniedTo = (client: string, server: string): unknown[] => [
  403,
  `Cannot run tools of the MCP server "${server}": the API token "${client}" has no right to them. Add tools=${server} (or tools=all) to its line in the token file.`,
];

it("runs no tools for a token without the right, not even for an admin", async () => {
  const all = "Add tools=all, or tools= with names of servers, to its line in the token file.";
  expect(await errorOf(await native("root", "all"))).toEqual([
    403,
    `Cannot run MCP tools: the API token "root" has no right to them. ${all}`,
  ]);
  expect(await errorOf(await native("root", ["s__free"]))).toEqual(deniedTo("root", "s"));
  expect(await errorOf(await responses("root", "s"))).toEqual(deniedTo("root", "s"));
  for (const method of ["GET", "POST"]) {
    expect(await (await ask("root", method, "/v1/mcp/servers")).json()).toEqual({ servers: [] });
  }
  expect(connected).toEqual([]);
});

it("runs the tools of the servers that the token names", async () => {
  expect(await offered(await native("ann", "all"))).toEqual(["s"]);
  expect(await offered(await native("ann", ["s__free"]))).toEqual(["s"]);
  expect(await offered(await responses("ann", "s"))).toEqual(["s"]);
  expect(await errorOf(await native("ann", ["s__free", "t__free"]))).toEqual(deniedTo("ann", "t"));
  expect(await errorOf(await responses("ann", "t"))).toEqual(deniedTo("ann", "t"));
  expect((await native("ann", ["gone__free"])).status).toBe(400);
  for (const method of ["GET", "POST"]) {
    const { servers } = (await (await ask("ann", method, "/v1/mcp/servers")).json()) as { servers: object[] };
    expect(servers).toMatchObject([{ name: "s" }]);
  }
});

it("runs all tools with tools=all, and in local mode", async () => {
  expect(await offered(await native("bob", "all"))).toEqual(["s", "t"]);
  expect(await offered(await responses("bob", "t"))).toEqual(["t"]);
  await worker.close();
  await start({ localMode: true, tokens: () => createTokenTable([]) });
  expect(await offered(await native("", "all"))).toEqual(["s", "t"]);
});
