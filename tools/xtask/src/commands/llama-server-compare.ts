// Owns the command llama-server:compare: its options, what it prints and its exit code.
import { caseContextSize, caseSlots, markdownTable, startWorker, type ProcessGroups } from "@waggle/harness";
import type { Command as Program } from "commander";
import { compareServers, groupDifferences, type CaseResult } from "../lib/llama-server/compare.ts";
import { startLlamaServer } from "../lib/llama-server/start.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly server?: string;
}

/** Of a reason, before the rest are only counted. */
const shownPaths = 8;

export function addLlamaServerCompare(program: Program): void {
  program
    .command("llama-server:compare")
    .description("put the same requests to a worker and to llama-server, and say what differs and why")
    .option(
      "--server <where>",
      "the path of a llama-server, which is started, or the address of one with the embedded model",
    )
    .action(compare);
}

function compare({ server }: Flags): Promise<void> {
  return guarded("llama-server:compare", async (groups) => {
    const theirs = server === undefined ? undefined : await openServer(groups, server);
    const flags = ["--slots", String(caseSlots), "--context-size", String(caseContextSize)];
    await using worker = await startWorker(groups, { flags });
    const results = await compareServers(worker.url, theirs, tell);
    if (theirs !== undefined) process.stdout.write(`\n${tableOf(results)}\n`);
    const failed = results.some(({ problems }) => problems.length > 0);
    const unexplained = results.flatMap(({ differences }) => differences).some(({ why }) => why === undefined);
    process.stdout.write(failed || unexplained ? "FAILED\n" : "PASSED\n");
    process.exitCode = failed || unexplained ? 1 : 0;
  });
}

async function openServer(groups: ProcessGroups, server: string): Promise<string> {
  return /^https?:/.test(server) ? new URL(server).origin : await startLlamaServer(groups, server);
}

function tell({ name, problems, differences }: CaseResult): void {
  const unknown = differences.filter(({ why }) => why === undefined);
  const known = differences.length - unknown.length;
  process.stdout.write(
    `${problems.length === 0 && unknown.length === 0 ? "✓" : "✗"} ${name}${known === 0 ? "" : `: ${known} explained`}\n`,
  );
  for (const problem of problems) process.stdout.write(`    ${problem}\n`);
  for (const { path, ours, theirs } of unknown) {
    process.stdout.write(`    ${path}: waggle ${shown(ours)}, llama-server ${shown(theirs)}\n`);
  }
}

function tableOf(results: readonly CaseResult[]): string {
  const rows = groupDifferences(results).map(({ why, paths, cases }) => {
    const rest = paths.length - shownPaths;
    const listed = paths.slice(0, shownPaths).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
    return [listed, String(cases), why ?? "nobody has said why"];
  });
  return markdownTable(["differs", "cases", "reason"], rows);
}

function shown(value: unknown): string {
  return value === undefined ? "has none" : JSON.stringify(value);
}
