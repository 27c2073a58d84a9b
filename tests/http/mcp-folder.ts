// Owns the folder of each MCP test: the servers' file, the journal and the ledger, which has a line for each run of a tool.
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach } from "vitest";
import { killDaemons } from "../support/daemon.ts";

/** The server that misbehaves on request. */
export const hostileServer: string = fileURLToPath(
  new URL("../../packages/mcp/src/testing/hostile-server.js", import.meta.url),
);

export interface McpFolder {
  path(name: string): string;
  /** Empty without the file. */
  textOf(name: string): string;
  ledger(): string;
}

/** Call at the top of a test file. Each test has a folder, and its daemons are killed after it. */
export function useMcpFolder(): McpFolder {
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-mcp-"))));
  afterEach(killDaemons);

  const path = (name: string): string => join(folder, name);
  const textOf = (name: string): string => (existsSync(path(name)) ? readFileSync(path(name), "utf8") : "");
  return { path, textOf, ledger: () => textOf("ledger") };
}
