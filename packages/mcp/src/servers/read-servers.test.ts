// Tests the file with the servers: what is read, and that an error names server and field, and no secret.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { McpFileError, readServers } from "./read-servers.ts";

let folder: string;
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-file-"))));

function read(content: unknown): ReturnType<typeof readServers> {
  const path = join(folder, "mcp.json");
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return readServers(path);
}

it("reads the usual file", () => {
  const servers = read({
    mcpServers: {
      files: { command: "npx", args: ["-y", "x"], env: { KEY: "v" }, alwaysAllow: ["read"], timeout: 5 },
      web: { type: "http", url: "https://mcp.example/mcp", headers: { Authorization: "Bearer s3cret" } },
      off: { command: "x", disabled: true },
    },
  });
  expect(servers).toEqual([
    {
      name: "files",
      transport: { kind: "stdio", command: "npx", args: ["-y", "x"], env: { KEY: "v" } },
      alwaysAllow: new Set(["read"]),
    },
    {
      name: "web",
      transport: { kind: "http", url: "https://mcp.example/mcp", headers: { Authorization: "Bearer s3cret" } },
      alwaysAllow: new Set(),
    },
  ]);
});

const secret = "s3cret";

it.each([
  [`{"x":\n"${secret}`, /it is not JSON \(line 2\)/],
  [`{"x": ${secret}}`, /it is not JSON/],
  [
    { mcpServers: { a: { command: "", args: secret }, b: { url: "http://x" }, c: 5 } },
    /server "a": field "command" must not be empty, field "args" must be a list of texts; server "c": it must be an object\.$/,
  ],
  [{}, /no object "mcpServers"/],
  [{ mcpServers: { a__b: { command: "x" } } }, /server "a__b": its name/],
  [{ mcpServers: { a: { command: "x", url: "http://x" } } }, /server "a": the fields "command" and "url"/],
  [{ mcpServers: { a: { env: { K: secret } } } }, /server "a": it needs the field "command" or/],
  [
    { mcpServers: { a: { command: secret, args: [secret, 5] } } },
    /server "a": field "args.1" must be a list|server "a": field "args.1"/,
  ],
  [{ mcpServers: { a: { command: secret, env: { KEY: 5 } } } }, /server "a": field "env.KEY" must be a text/],
  [{ mcpServers: { a: { url: `ftp://${secret}` } } }, /server "a": field "url" must be an http/],
  [{ mcpServers: { a: { url: "http://x", headers: { K: null } } } }, /server "a": field "headers.K" must be a text/],
  [
    { mcpServers: { a: { url: "http://x", headers: { K: `${secret}…`, L: `${secret}\n` } } } },
    /server "a": field "headers.K" has characters that HTTP headers forbid, field "headers.L" has/,
  ],
  [
    { mcpServers: { a: { url: "http://x", headers: { "a b": secret } } } },
    /server "a": field "headers" has a name that HTTP headers forbid/,
  ],
  [{ mcpServers: { a: { command: "x", alwaysAllow: "all" } } }, /server "a": field "alwaysAllow" must be a list/],
  [{ mcpServers: { a: { type: "sse", url: "http://x" } } }, /server "a": field "type"/],
  [
    { mcpServers: Object.fromEntries(Array.from({ length: 33 }, (_, i) => [`s${i}`, { command: "x" }])) },
    /more than 32 servers/,
  ],
])("refuses %j", (content, why) => {
  let thrown: unknown;
  try {
    read(content);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(McpFileError);
  const { message } = thrown as Error;
  expect(message).toMatch(why);
  expect(message).toMatch(/^Cannot use the MCP file .*mcp\.json: /);
  expect(message).not.toContain(secret);
});
