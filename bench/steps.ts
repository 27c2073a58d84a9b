// Measures the cost of a step in addition to its forward pass: the gap between two passes, tokens per second and the time to the first token of
// conversations. It compares this worker with that of another checkout, or requests with tools without and with a grammar. Rounds alternate.
import { resolve } from "node:path";
import {
  guarded,
  integerOf,
  markdownTable,
  repositoryPath,
  startWorker,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell } from "./lib/alternate.ts";
import { integersOf } from "./lib/lists.ts";
import { playRound, variants, type RoundFigures, type Variant } from "./lib/step-rounds.ts";

interface Flags {
  readonly against?: string;
  readonly model?: string;
  readonly streams: string;
  readonly rounds: string;
  readonly tokens: string;
}

export function addSteps(command: Command): void {
  command
    .option(
      "--against <checkout>",
      "compare with the worker of another checkout (default: compare tools without and with a grammar)",
    )
    .option("--model <gguf>", "the worker's model (default: the embedded one)")
    .option("--streams <list>", "numbers of parallel streams", "1,8")
    .option("--rounds <n>", "measured rounds, after one warm-up round", "5")
    .option("--tokens <n>", "tokens of each stream", "160")
    .action((flags: Flags) => guarded("bench steps", (groups) => measure(groups, flags)));
}

/** One column of the table: a worker and a kind of request. */
interface Side {
  readonly name: string;
  readonly worker: Worker;
  readonly variant: Variant;
}

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const maxTokens = integerOf("--tokens", flags.tokens, 1, 100_000);
  await using ours = await open(groups, repositoryPath("."), flags.model);
  await using theirs = flags.against === undefined ? undefined : await open(groups, flags.against, flags.model);
  const sides = sidesOf(ours, theirs);
  const rows: string[][] = [];
  const ratioRows: string[][] = [];
  for (const streams of integersOf("--streams", flags.streams)) {
    const [first = [], ...others] = await alternate({
      ...{ sides, rounds, warmUp: 1 },
      play: (side, round) => playRound(side.worker, side.variant, { streams, round, maxTokens }),
      progress: ({ name }, round, { gapUs, tokensPerSecond, tokens }) =>
        `${streams} streams, ${round}, ${name}: gap ${gapUs.toFixed(0)} us, ${tokensPerSecond.toFixed(0)} tokens/s of ${tokens}`,
    });
    for (const [i, own] of [first, ...others].entries())
      rows.push([String(streams), sides[i]?.name ?? "", ...cellsOf(own)]);
    for (const [i, own] of others.entries())
      ratioRows.push([String(streams), sides[i + 1]?.name ?? "", ...ratiosOf(own, first)]);
  }
  console.log(
    `Medians (quartiles) of ${rounds} rounds with ${maxTokens} tokens per stream; ratios are medians of the ratios in each round.\n`,
  );
  const head = ["streams", "side", ...figures.map(({ name }) => name)];
  console.log(markdownTable(head, rows));
  console.log(`\nCPU is the main thread's time per token. Ratios to the first side:\n`);
  console.log(markdownTable(head, ratioRows));
}

function sidesOf(ours: Worker, theirs: Worker | undefined): readonly Side[] {
  const [plain, ...withTools] = variants;
  if (theirs === undefined) return withTools.map((variant) => ({ name: variant.name, worker: ours, variant }));
  return [
    { name: "other checkout", worker: theirs, variant: plain },
    { name: "this checkout", worker: ours, variant: plain },
  ];
}

async function open(groups: ProcessGroups, checkout: string, model: string | undefined): Promise<Worker> {
  return await startWorker(groups, {
    command: [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")],
    flags: ["--slots", "8", "--threads", "1", ...(model === undefined ? [] : ["--model", resolve(model)])],
  });
}

const figures = [
  { key: "gapUs", name: "gap", digits: 0, unit: " us" },
  { key: "stepUs", name: "step", digits: 0, unit: " us" },
  { key: "tokensPerSecond", name: "tokens/s", digits: 0, unit: "" },
  { key: "ttftP50Ms", name: "TTFT p50", digits: 1, unit: " ms" },
  { key: "engineUs", name: "engine CPU", digits: 0, unit: " us" },
  { key: "daemonUs", name: "daemon CPU", digits: 0, unit: " us" },
] as const satisfies readonly { readonly key: keyof RoundFigures; readonly [more: string]: unknown }[];

function cellsOf(rounds: readonly RoundFigures[]): string[] {
  return figures.map(({ key, digits, unit }) =>
    medianCell(
      rounds.map((round) => round[key]),
      digits,
      unit,
    ),
  );
}

function ratiosOf(own: readonly RoundFigures[], first: readonly RoundFigures[]): string[] {
  return figures.map(({ key }) => {
    const ratios = own.map((round, i) => round[key] / (first[i]?.[key] ?? Number.NaN));
    return medianCell(ratios, 2);
  });
}
