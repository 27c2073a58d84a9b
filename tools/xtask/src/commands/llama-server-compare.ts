// Owns the command llama-server:compare: its options, what it prints and its exit code.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  caseContextSize,
  caseSlots,
  completionCases,
  infillCases,
  markdownTable,
  repositoryPath,
  serverCases,
  startWorker,
  type LlamaServerCase,
  type ProcessGroups,
} from "@waggle/harness";
import { infillVocabulary, writeScriptedModel } from "@waggle/synth";
import type { Command as Program } from "commander";
import { compareServers, groupDifferences, type CaseResult } from "../lib/llama-server/compare.ts";
import { startLlamaServer, type ServerRun } from "../lib/llama-server/start.ts";
import { guarded } from "../lib/signals.ts";

interface Flags {
  readonly server?: string;
}

/** Room for the most that is taken of the code near a hole. */
const infillContextSize = 4_096;
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
    const story = { model: repositoryPath("models/waggle-tiny-stories.gguf"), contextSize: caseContextSize };
    const results = [...(await compareOn(groups, story, [...completionCases, ...serverCases], server))];
    const folder = mkdtempSync(join(tmpdir(), "waggle-infill-"));
    try {
      const options = { template: "{{ messages[0].content }}", vocabulary: infillVocabulary };
      const { path: model } = writeScriptedModel({ ...options, path: join(folder, "infill.gguf") });
      // A server that runs already has another model.
      const path = isAddress(server) ? undefined : server;
      results.push(...(await compareOn(groups, { model, contextSize: infillContextSize }, infillCases, path)));
    } finally {
      rmSync(folder, { recursive: true });
    }
    if (server !== undefined) process.stdout.write(`\n${tableOf(results)}\n`);
    const failed = results.some(({ problems }) => problems.length > 0);
    const unexplained = results.flatMap(({ differences }) => differences).some(({ why }) => why === undefined);
    process.stdout.write(failed || unexplained ? "FAILED\n" : "PASSED\n");
    process.exitCode = failed || unexplained ? 1 : 0;
  });
}

async function compareOn(
  groups: ProcessGroups,
  run: ServerRun,
  cases: readonly LlamaServerCase[],
  server: string | undefined,
): Promise<readonly CaseResult[]> {
  const flags = ["--model", run.model, "--slots", String(caseSlots), "--context-size", String(run.contextSize)];
  await using worker = await startWorker(groups, { flags });
  const started = async (path: string): Promise<string> => await startLlamaServer(groups, path, run);
  const theirs = server === undefined || isAddress(server) ? server : await started(server);
  return await compareServers(cases, worker.url, theirs, tell);
}

function isAddress(server: string | undefined): boolean {
  return server !== undefined && /^https?:/.test(server);
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
