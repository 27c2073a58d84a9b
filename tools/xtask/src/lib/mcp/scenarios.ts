// Runs the official conformance scenarios for MCP clients, as far as they ask for what Waggle offers, against our client.
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";

/** The scenarios need Node 22, so Node is installed with them. Our client runs on the Node of this process. */
const packages = ["node@22.23.3", "@modelcontextprotocol/conformance@0.2.0-alpha.12"];
const installLimitMs = 600_000;
const client = "packages/mcp/src/testing/conformance-client.ts";

/** Not here: `auth/`, `elicitation`, `sep-2322` and `sep-2640` ask for OAuth, for input of a user, and for skills. */
export const scenarios = [
  "2025-11-25 initialize",
  "2025-11-25 tools_call",
  "2025-11-25 sse-retry",
  "2025-11-25 json-schema-2020-12-preservation",
  "2026-07-28 tools_call",
  "2026-07-28 request-metadata",
  "2026-07-28 http-standard-headers",
  "2026-07-28 http-custom-headers",
  "2026-07-28 http-invalid-tool-headers",
  "2026-07-28 json-schema-ref-no-deref",
  "2026-07-28 json-schema-2020-12-preservation",
] as const;

export interface ScenarioRun {
  readonly isPassed: boolean;
  readonly counts: string;
  /** What the scenario says about failures. */
  readonly words: readonly string[];
}

/** @throws Error with npm's message when npm fails */
export async function installScenarios(folder: string, signal: AbortSignal): Promise<void> {
  // Without a manifest in this folder, npm would use a manifest of a parent folder.
  mkdirSync(folder, { recursive: true });
  const manifest = join(folder, "package.json");
  if (!existsSync(manifest)) writeFileSync(manifest, "{}\n");
  const quiet = ["--no-audit", "--no-fund", "--loglevel=error"];
  const { failed, stderr, shortMessage } = await execa("npm", ["install", ...quiet, ...packages], {
    ...{ cwd: folder, reject: false, cancelSignal: signal, timeout: installLimitMs, stdin: "ignore" },
  });
  if (failed) throw new Error(`Cannot install ${packages.join(" ")}: ${stderr || shortMessage}`);
}

/** @param scenario the revision and the name */
export async function runScenario(scenario: string, folder: string, signal: AbortSignal): Promise<ScenarioRun> {
  const [revision = "", name = ""] = scenario.split(" ");
  const modules = join(folder, "node_modules");
  const program = join(modules, "@modelcontextprotocol/conformance/dist/index.js");
  const command = [process.execPath, "--import", "tsx", client].join(" ");
  const flags = ["client", "--command", command, "--scenario", name, "--spec-version", revision];
  const { exitCode, stderr } = await execa(join(modules, ".bin/node"), [program, ...flags], {
    ...{ cwd: repositoryPath(""), reject: false, cancelSignal: signal, stdin: "ignore" },
  });
  signal.throwIfAborted();
  const [before = "", results] = stderr.split("\nTest Results:\n");
  const [counts = "", ...words] = (results ?? `no results\n${before}`).split("\n").filter((line) => line.trim() !== "");
  return { isPassed: exitCode === 0 && results !== undefined, counts, words };
}
