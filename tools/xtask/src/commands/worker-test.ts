// Owns the command worker:test: its options, what it prints, its exit code, and that nothing it started outlives it.
import { appendFileSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command as Program } from "commander";
import { createProcessGroups, leastTokenEvents, sourceCommand, type Command, type DaemonName } from "@waggle/harness";
import { numberOf } from "../lib/options.ts";
import { createReport, nowhere } from "../lib/report.ts";
import { onEnding } from "../lib/signals.ts";
import { runWorkerTest, type WorkerTestOptions } from "../lib/worker-run.ts";
import { failedBeforeStart } from "../lib/worker-test-result.ts";

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

export function addWorkerTest(program: Program): void {
  program
    .command("worker:test")
    .description(
      "start a hive and a worker, stream one answer, check that it was real, stop all, check that nothing is left",
    )
    .option("--model <path|hf:user/repo:quant>", "the worker's model (default: the embedded one)")
    .option("--prompt <text>", "what to complete", defaultPrompt)
    .option("--max-tokens <n>", `tokens to ask for, at least ${leastTokenEvents}: fewer prove nothing`, "256")
    .option("--timeout <s>", "give up after this long in all, or after half of it without an event", "60")
    .option("--json", "print one JSON object and nothing else")
    .option("--keep-logs", "keep the logs of hive and worker, and say where")
    // For tests of this test: another executable in the worker's place.
    .addOption(program.createOption("--worker-command <json>", "").hideHelp())
    .action(workerTest);
}

async function workerTest(flags: Flags): Promise<void> {
  const report = createReport(flags.json ? nowhere : process.stdout);
  const groups = createProcessGroups("xtask");
  const ending = onEnding(() => groups.killAll());
  const logs = flags.keepLogs ? openLogs() : undefined;
  try {
    const options = { ...optionsOf(flags), interrupted: ending.signal, onLogLine: logs?.write ?? (() => {}) };
    const result = await runWorkerTest(options, groups, report);
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exitCode = ending.exitCode ?? (result.ok ? 0 : 1);
  } catch (error) {
    const result = failedBeforeStart(error instanceof Error ? error.message : String(error));
    for (const failure of result.failures) report.failure(failure);
    if (flags.json) process.stdout.write(`${JSON.stringify(result)}\n`);
    process.exitCode = 64;
  } finally {
    groups.killAll();
    ending.dispose();
    logs?.close();
  }
}

function optionsOf(flags: Flags): Omit<WorkerTestOptions, "interrupted" | "onLogLine"> {
  const worker = flags.workerCommand === undefined ? sourceCommand("worker") : parseCommand(flags.workerCommand);
  return {
    workerCommand: flags.model === undefined ? worker : [...worker, "--model", flags.model],
    prompt: flags.prompt,
    maxTokens: numberOf("--max-tokens", flags.maxTokens, leastTokenEvents, Number.MAX_SAFE_INTEGER),
    timeoutMs: numberOf("--timeout", flags.timeout, 1, longestTimeoutS) * 1_000,
  };
}

function parseCommand(json: string): Command {
  const command: unknown = JSON.parse(json);
  if (Array.isArray(command) && command.length > 0) return command as unknown as Command;
  throw new Error("Cannot use --worker-command: it must be a JSON array of strings");
}

interface Logs {
  write(daemon: DaemonName, line: string): void;
  close(): void;
}

/** Says on stderr where the logs are, because stdout may be one JSON object. */
function openLogs(): Logs {
  const folder = mkdtempSync(join(tmpdir(), "waggle-worker-test-"));
  return {
    write: (daemon, line) => appendFileSync(join(folder, `${daemon}.log`), `${line}\n`),
    close: () => void process.stderr.write(`Logs are in ${folder}\n`),
  };
}
