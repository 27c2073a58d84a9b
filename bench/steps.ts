// What a step costs beside its pass: the gap between two passes, tokens per second and the time to the first token, for conversations. Either
// this worker against that of another checkout, or this worker alone with tools on offer, read freely and held to a grammar. Rounds alternate.
//   node --conditions=waggle-source --import tsx bench/steps.ts [--against <checkout>] [--model <gguf>] [--streams 1,8] [--rounds 5]
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createProcessGroups, markdownTable, median, percentile, repositoryPath } from "@waggle/harness";
import { startWorker, type Worker } from "@waggle/harness";
import { playRound, variants, type RoundFigures, type Variant } from "./lib/step-rounds.ts";

const { values } = parseArgs({
  options: {
    against: { type: "string" },
    model: { type: "string" },
    streams: { type: "string", default: "1,8" },
    rounds: { type: "string", default: "5" },
    tokens: { type: "string", default: "160" },
  },
});
const rounds = Number(values.rounds);
const groups = createProcessGroups("bench");

/** One column of the table: who is asked, and what. */
interface Side {
  readonly name: string;
  readonly worker: Worker;
  readonly variant: Variant;
}

const open = (checkout: string): Promise<Worker> =>
  startWorker(groups, {
    command: [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")],
    flags: [
      "--slots",
      "8",
      "--threads",
      "1",
      ...(values.model === undefined ? [] : ["--model", resolve(values.model)]),
    ],
  });

await using ours = await open(repositoryPath("."));
await using theirs = values.against === undefined ? undefined : await open(values.against);
const sides: readonly Side[] =
  theirs === undefined
    ? variants.slice(1).map((variant) => ({ name: variant.name, worker: ours, variant }))
    : [theirs, ours].map((worker, i) => ({
        name: i === 0 ? "other checkout" : "this one",
        worker,
        variant: variants[0] as Variant,
      }));

const rows: string[][] = [];
const ratioRows: string[][] = [];
for (const streams of values.streams.split(",").map(Number)) await play(streams);
console.log(
  `Medians of ${rounds} rounds of ${values.tokens} tokens a stream (quartiles); ratios are medians of the rounds' own.\n`,
);
console.log(markdownTable(["streams", "who", "gap", "step", "tokens/s", "TTFT p50", "engine CPU", "daemon CPU"], rows));
console.log(`\nCPU is that of the main thread, for each token. Ratios to the first:\n`);
console.log(markdownTable(["streams", "who", "gap", "tokens/s", "TTFT p50", "engine CPU", "daemon CPU"], ratioRows));

async function play(streams: number): Promise<void> {
  const played = sides.map((): RoundFigures[] => []);
  // The first round warms up, and does not count; whoever goes first changes.
  for (let round = 0; round <= rounds; round += 1) {
    const order = round % 2 === 0 ? sides : sides.toReversed();
    for (const side of order) {
      const figures = await playRound(side.worker, side.variant, { streams, round, maxTokens: Number(values.tokens) });
      if (round > 0) played[sides.indexOf(side)]?.push(figures);
      const gap = `${figures.gapUs.toFixed(0)} us`;
      console.error(
        `${streams} streams, round ${round}, ${side.name}: gap ${gap}, ${figures.tokensPerSecond.toFixed(0)} tokens/s of ${figures.tokens}`,
      );
    }
  }
  const [first = [], ...others] = played;
  sides.forEach(({ name }, i) => rows.push([String(streams), name, ...cellsOf(played[i] ?? [])]));
  others.forEach((own, i) => ratioRows.push([String(streams), sides[i + 1]?.name ?? "", ...ratiosOf(own, first)]));
}

function ratiosOf(own: readonly RoundFigures[], first: readonly RoundFigures[]): string[] {
  const figures = ["gapUs", "tokensPerSecond", "ttftP50Ms", "engineUs", "daemonUs"] as const;
  return figures.map((name) => {
    const ratios = own.map((round, i) => round[name] / (first[i]?.[name] ?? Number.NaN));
    return shown(ratios, 2, "");
  });
}

/** The median and, of as many rounds, the quartiles. */
function shown(all: readonly number[], digits: number, unit: string): string {
  const [low, high] = [percentile(all, 0.25), percentile(all, 0.75)];
  return `${median(all).toFixed(digits)}${unit} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
}

function cellsOf(rounds: readonly RoundFigures[]): string[] {
  return [
    shown(
      rounds.map(({ gapUs }) => gapUs),
      0,
      " us",
    ),
    shown(
      rounds.map(({ stepUs }) => stepUs),
      0,
      " us",
    ),
    shown(
      rounds.map(({ tokensPerSecond }) => tokensPerSecond),
      0,
      "",
    ),
    shown(
      rounds.map(({ ttftP50Ms }) => ttftP50Ms),
      1,
      " ms",
    ),
    shown(
      rounds.map(({ engineUs }) => engineUs),
      0,
      " us",
    ),
    shown(
      rounds.map(({ daemonUs }) => daemonUs),
      0,
      " us",
    ),
  ];
}
