// Loads the tools that were recorded from real clients, for tests.
import { readFileSync, readdirSync } from "node:fs";

export interface RecordedTools {
  /** Name of the package on npm. */
  readonly package: string;
  readonly version: string;
  /** `agent`: tools of a coding agent; `mcp`: tools of an MCP server. */
  readonly source: "agent" | "mcp";
  /** Day of the recording, as YYYY-MM-DD. */
  readonly recorded: string;
  readonly tools: readonly RecordedTool[];
}

export interface RecordedTool {
  readonly name: string;
  /** JSON Schema of the arguments, in the draft of `$schema`; 2020-12 without `$schema`. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/**
 * The tools of seven coding agents and of MCP servers from npm, one file for each package, in the order of the file names.
 *
 * The agents ran without a terminal against a server that recorded their requests. Gemini CLI, Qwen Code and Continue ran with every tool allowed,
 * because they send only allowed tools. Claude Code also ran with a terminal, which gives it three more tools. Codex ran with a model that it knows
 * and with an unknown model. Tools without a JSON Schema, such as apply_patch of Codex, are left out. The MCP servers were started over stdio with
 * invalid API keys, and `tools/list` was called.
 *
 * The schemas have their original order. All descriptions are left out, since they do not constrain values. One schema of each shape is left: a shape
 * is the nesting of keywords and types, without names and values. In a schema, members with equal shapes are one member (two for options of a union), and
 * a nested member occurs in one schema only. Tools whose members all have shapes of earlier tools are left out.
 */
export function recordedTools(): readonly RecordedTools[] {
  const files = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".json"))
    .toSorted();
  return files.map((name) => JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, "utf8")) as RecordedTools);
}
