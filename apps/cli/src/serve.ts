// Owns what a person sees of `waggle serve`. On a terminal its lines are words; elsewhere they are JSON, as waggle-worker has them.
import { hostname } from "node:os";
import type { StdoutLine } from "@waggle/protocol";
import { serve } from "@waggle/worker";
import type { Environment } from "./config.ts";
import { createStyle, type Style } from "./terminal/style.ts";
import { formatDuration } from "./terminal/format.ts";

export async function runServe(process: NodeJS.Process, words: readonly string[], env: Environment): Promise<void> {
  if (!process.stdout.isTTY) return await serve(process, words, env, {});
  const style = createStyle((env["NO_COLOR"] ?? "") === "" && env["TERM"] !== "dumb");
  await serve(process, quietly(words, env), env, {
    present: (line, { localMode }) => presentLine(line, { style, localMode, hostName: hostname() }),
  });
}

/** A person reads the lines below; the log tells what goes wrong. */
function quietly(words: readonly string[], env: Environment): readonly string[] {
  const said = words.some((word) => /^--log-level(=|$)/.test(word)) || (env["WAGGLE_LOG_LEVEL"] ?? "") !== "";
  return said ? words : [...words, "--log-level", "warn"];
}

export interface Presentation {
  readonly style: Style;
  /** Without it every call needs a token. */
  readonly localMode: boolean;
  /** Of this machine, for an address that stands for all of its interfaces. */
  readonly hostName: string;
}

export function presentLine(line: StdoutLine, { style, localMode, hostName }: Presentation): string {
  if (line.type === "ready") {
    return `${style.green("●")} ${style.bold(line.model)} is ready, after ${formatDuration(line.load_ms)}.\n`;
  }
  const url = line.url.replace(/\/\/(0\.0\.0\.0|\[::\])/, `//${hostName}`);
  const key = localMode ? "none" : "<token>";
  const rows = [
    ["Chat and status", url],
    ["OpenAI", `OPENAI_BASE_URL=${url}/v1 OPENAI_API_KEY=${key}`],
    ["Anthropic", `ANTHROPIC_BASE_URL=${url} ANTHROPIC_AUTH_TOKEN=${key}`],
    ["Ollama", `OLLAMA_HOST=${line.ollama_url ?? url}`],
    ["Here", localMode ? "waggle chat" : "WAGGLE_API_TOKEN=<token> waggle chat"],
  ];
  const width = Math.max(...rows.map(([name = ""]) => name.length));
  const lines = rows.map(([name = "", value = ""]) => `  ${style.dim(name.padEnd(width))}  ${value}`);
  return `${style.bold("Waggle")} serves at ${style.cyan(url)}\n\n${lines.join("\n")}\n\nCtrl-C stops.\n`;
}
