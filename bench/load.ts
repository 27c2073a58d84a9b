// Measures the time from a worker's start of its engine until the model is ready, for this checkout and another one in alternation.
import { resolve } from "node:path";
import {
  guarded,
  integerOf,
  markdownTable,
  repositoryPath,
  startWorker,
  withoutSettings,
  type ProcessGroups,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell, ratioOf } from "./lib/alternate.ts";

interface Flags {
  readonly against: string;
  readonly model?: string;
  readonly threads?: string;
  readonly rounds: string;
}

export function addLoad(command: Command): void {
  command
    .requiredOption("--against <checkout>", "compare with the worker of this checkout, or with `.` for this one again")
    .option("--model <gguf>", "the worker's model (default: the embedded one)")
    .option("--threads <n>", "the worker's threads (default: its own choice)")
    .option("--rounds <n>", "measured rounds, after one warm-up round", "5")
    .action((flags: Flags) => guarded("bench load", (groups) => measure(groups, flags)));
}

/** The warm-up round brings the model's file into memory. */
async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const sides = [
    { name: "this checkout", checkout: repositoryPath(".") },
    { name: flags.against, checkout: resolve(flags.against) },
  ];
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const [ours = [], theirs = []] = await alternate({
    ...{ sides, rounds, warmUp: 1 },
    play: ({ checkout }) => loadMs(groups, checkout, flags),
    progress: ({ name }, round, ms) => `${round}, ${name}: ${ms.toFixed(0)} ms`,
  });
  const row = (values: readonly number[], index: number): string[] => {
    return [sides[index]?.name ?? "", medianCell(values, 0, " ms"), ratioOf(values, theirs).toFixed(2)];
  };
  console.log(`Medians (quartiles) of ${rounds} rounds; ratios are medians of the ratios in each round.\n`);
  console.log(markdownTable(["side", "load", "ratio"], [ours, theirs].map(row)));
}

async function loadMs(groups: ProcessGroups, checkout: string, { model, threads }: Flags): Promise<number> {
  await using worker = await startWorker(groups, {
    command: [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")],
    flags: [
      ...(model === undefined ? [] : ["--model", resolve(model)]),
      ...(threads === undefined ? [] : ["--threads", threads]),
    ],
    env: withoutSettings(process.env),
  });
  return (await worker.line("ready")).load_ms;
}
