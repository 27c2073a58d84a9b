// Owns the command worker:test: its options, what it prints and its exit code.
import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command as Program } from "commander";
import {
  daemonCommand,
  guarded,
  leastTokenEvents,
  numberOf,
  type Command,
  type DaemonName,
} from "@waggle/testing/harness";
import { createReport, nowhere } from "../lib/report.ts";
import { runWorkerTest } from "../lib/worker-run.ts";

interface Flags {
  readonly model?: string;
  readonly prompt: string;
  readonly maxTokens: string;
  readonly timeout: string;
  readonly json?: true;
  readonly keepLogs?: true;
  readonly workerCommand?: string;
}

const defaultPrompt = "Once upon a time";
const longestTimeoutS = 86_400;

export function addWorkerTest(command: Program): void {
  command
    .option("--model <path|hf:user/repo:quant>", "the worker's model (default: the embedded one)")
    .option("--prompt <text>", "prompt to complete", defaultPrompt)
    .option(
      "--max-tokens <n>",
      `tokens to request; at least ${leastTokenEvents}, to show that they are streamed`,
      "256",
    )
    .option("--timeout <s>", "time limit of the run in seconds; half of it for silence of the stream", "180")
    .option("--json", "print only one JSON object")
    .option("--keep-logs", "keep the logs of hive and worker, and print their folder")
    // For tests of worker:test: another executable instead of the worker.
    .addOption(command.createOption("--worker-command <json>", "").hideHelp())
    .action(workerTest);
}

function workerTest(flags: Flags): Promise<void> {
  return guarded("worker:test", async (groups, ending) => {
    const command =
      flags.workerCommand === undefined ? daemonCommand("worker") : (JSON.parse(flags.workerCommand) as Command);
    const options = {
      workerCommand: flags.model === undefined ? command : ([...command, "--model", flags.model] as const),
      prompt: flags.prompt,
      maxTokens: numberOf("--max-tokens", flags.maxTokens, leastTokenEvents, Number.MAX_SAFE_INTEGER),
      timeoutMs: numberOf("--timeout", flags.timeout, 1, longestTimeoutS) * 1_000,
      interrupted: ending.signal,
    };
    const folder = flags.keepLogs ? mkdtempSync(join(tmpdir(), "waggle-worker-test-")) : undefined;
    const onLogLine = (daemon: DaemonName, line: string): void => {
      if (folder !== undefined) appendFileSync(join(folder, `${daemon}.log`), `${line}\n`);
    };
    const report = createReport(flags.json ? nowhere : process.stdout);
    const result = await runWorkerTest({ ...options, onLogLine }, groups, report);
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    // On stderr, because stdout may be one JSON object.
    if (folder !== undefined) process.stderr.write(`Logs are in ${folder}\n`);
    process.exitCode = ending.exitCode ?? (result.ok ? 0 : 1);
  });
}
