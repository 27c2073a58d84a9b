// The client of the official conformance scenarios: it lists the tools of the server at the URL that is its last argument, and calls them.
import { systemClock } from "@waggle/async";
import type { JsonObject } from "../connection/json.ts";
import { createToolServers } from "../servers/tool-servers.ts";

interface Context {
  /** The calls that the scenario asks for. */
  readonly toolCalls?: readonly { readonly name: string; readonly arguments: JsonObject }[];
}

const url = process.argv.at(-1) ?? "";
const { toolCalls } = JSON.parse(process.env["MCP_CONFORMANCE_CONTEXT"] ?? "{}") as Context;
const spec = { name: "s", transport: { kind: "http" as const, url, headers: {} }, alwaysAllow: new Set<string>() };
const servers = createToolServers({
  specs: [spec],
  env: {},
  version: "1",
  callTimeoutMs: 20_000,
  clock: systemClock,
  onState: () => {},
});
const { tools = [], problem } = (await servers.list(new Set(["s"])))[0] ?? {};
if (problem !== undefined) throw new Error(`Cannot use the scenario's server: ${problem}`);
for (const tool of tools) {
  const given = toolCalls?.find(({ name }) => name === tool.name)?.arguments ?? argumentsOf(tool.name);
  await servers.call(tool, given, { client: "c", signal: new AbortController().signal });
}
await servers.close();

function argumentsOf(tool: string): JsonObject {
  if (tool === "add_numbers") return { a: 5, b: 3 };
  // It compares the schema of another tool, as the client has it.
  const { parameters } = tools.find(({ name }) => name !== tool) ?? {};
  return tool === "json_schema_echo" ? { schema: parameters } : {};
}
