// Owns the command check: runs all checks of the code that do not execute it.
import { packageManager, repositoryPath } from "@waggle/testing/harness";
import { execa } from "execa";
import type { Command } from "commander";
import { painter } from "../lib/report.ts";
import { sizeProblems } from "../lib/sizes.ts";
import { tidyProblems } from "../lib/tidy.ts";

interface Check {
  readonly name: string;
  /** Resolves with a text about the problems; empty when there are no problems. */
  run(root: string): Promise<string>;
}

/** Time limit of a tool, in case it hangs. On two free cores, all tools side by side take a minute. */
const toolTimeoutMs = 1_200_000;

const checks: readonly Check[] = [
  { name: "types", run: tool("tsc", "--noEmit", "--pretty", "false") },
  // The pages run in a browser, which has other globals than Node.
  { name: "types of the pages", run: tool("tsc", "--pretty", "false", "-p", "apps/pages") },
  { name: "types of page tests", run: tool("tsc", "--pretty", "false", "-p", "tests/browser") },
  { name: "lint and arrows", run: tool("oxlint", "--type-aware") },
  { name: "format", run: formatProblems },
  { name: "unused code", run: tool("knip", "--no-progress") },
  { name: "tidy", run: async (root) => tidyProblems(root).join("\n") },
  { name: "sizes", run: async (root) => sizeProblems(root).join("\n") },
];

const nameWidth = 20;
const linesShown = 80;

export function addCheck(command: Command): void {
  command.action(check);
}

async function check(): Promise<void> {
  const paint = painter(process.stdout);
  const root = repositoryPath("");
  const outcomes = checks.map(async ({ name, run }) => {
    const startedAt = performance.now();
    const problems = await run(root).catch((error: unknown) => `Cannot run this check: ${String(error)}`);
    const seconds = `${((performance.now() - startedAt) / 1_000).toFixed(1)} s`;
    const mark = problems === "" ? paint("green", "✓") : paint("red", "✗");
    process.stdout.write(`  ${mark} ${name.padEnd(nameWidth)}${seconds.padStart(7)}\n`);
    return { name, problems };
  });
  const failed = (await Promise.all(outcomes)).filter(({ problems }) => problems !== "");
  for (const { name, problems } of failed) process.stdout.write(`\n${paint("bold", name)}\n${shortened(problems)}\n`);
  if (failed.length > 0) process.exitCode = 1;
}

/** Keeps the first lines, because one mistake can cause hundreds of lines. */
function shortened(problems: string): string {
  const lines = problems.trimEnd().split("\n");
  const more = lines.length - linesShown;
  return more > 0 ? [...lines.slice(0, linesShown), `… and ${more} lines more`].join("\n") : lines.join("\n");
}

/** Replaces oxfmt's advice, which is about a flag of oxfmt, with our command. */
export async function formatProblems(root: string, ...paths: readonly string[]): Promise<string> {
  const problems = await tool("oxfmt", "--check", ...paths)(root);
  return problems.replace("Run without `--check` to fix.", `Run npx --yes ${packageManager} format.`);
}

/** Runs a tool from node_modules. If its exit code is not 0, its output describes the problems. */
function tool(file: string, ...flags: readonly string[]): Check["run"] {
  return async (root) => {
    const options = { cwd: root, preferLocal: true, all: true, reject: false, timeout: toolTimeoutMs } as const;
    const { exitCode, all, shortMessage } = await execa(file, flags, options);
    return exitCode === 0 ? "" : (all ?? "") || shortMessage || `${file} failed`;
  };
}
