// Owns the tools that real clients bring, as they were recorded, for tests. It knows nothing of grammars.
import { readFileSync, readdirSync } from "node:fs";

export interface RecordedTools {
  /** As npm names it. */
  readonly package: string;
  readonly version: string;
  /** A coding agent's own tools, or those of an MCP server. */
  readonly source: "agent" | "mcp";
  /** The day, as YYYY-MM-DD. */
  readonly recorded: string;
  readonly tools: readonly RecordedTool[];
}

export interface RecordedTool {
  readonly name: string;
  /** JSON Schema of the arguments, in the draft that its `$schema` names; 2020-12 where it names none. */
  readonly schema: Readonly<Record<string, unknown>>;
}

/**
 * The tools of seven coding agents and of MCP servers from npm, one file for each, in the order of the files' names.
 *
 * The agents were run without a terminal against a server that kept what they sent: Gemini CLI, Qwen Code and Continue with every tool
 * allowed, which they hold back otherwise; Claude Code with a terminal too, where it has three tools more; Codex with two models, one that
 * it knows and one that it does not. Tools that have no JSON Schema, such as Codex' apply_patch, are left out. The MCP servers were started
 * over stdio with keys that open nothing and asked for `tools/list`.
 *
 * The schemas are as they were sent, in their order, without what asks for nothing: `description` is left out everywhere.
 */
export function recordedTools(): readonly RecordedTools[] {
  const files = readdirSync(import.meta.dirname)
    .filter((name) => name.endsWith(".json"))
    .toSorted();
  return files.map((name) => JSON.parse(readFileSync(`${import.meta.dirname}/${name}`, "utf8")) as RecordedTools);
}
