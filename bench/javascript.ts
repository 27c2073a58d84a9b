// Measures the JavaScript that carries a token from the engine to its client: CPU time and instructions of both main threads (engine process
// and daemon), bytes of messages and frames, and the number of writes. It uses the fake backend, which keeps a steady pace and computes nothing,
// and the embedded model. Rounds alternate between this worker and that of another checkout; each runs from its build if there is one.
import { resolve } from "node:path";
import {
  guarded,
  integerOf,
  markdownTable,
  repositoryPath,
  startWorker,
  type ProcessGroups,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell, ratioOf } from "./lib/alternate.ts";
import { integersOf } from "./lib/lists.ts";
import { measure, tokenFigures, type TokenFigures } from "./lib/token-figures.ts";

interface Flags {
  readonly against?: string;
  readonly backends: string;
  readonly streams: string;
  readonly rounds: string;
  readonly warmUp: string;
  readonly tokens: string;
  readonly stepDelay: string;
}

const slots = 16;

export function addJavascript(command: Command): void {
  command
    .option("--against <checkout>", "compare with the worker of another checkout")
    .option("--backends <list>", "fake (a steady pace, no computing), llama", "fake,llama")
    .option("--streams <list>", "numbers of parallel streams", "1,8,16")
    .option("--rounds <n>", "measured rounds of each worker", "5")
    .option("--warm-up <n>", "rounds before the measured ones: V8 compiles the hot code", "5")
    .option("--tokens <n>", "tokens of each stream", "200")
    .option("--step-delay <time>", "step time of the fake backend", "4ms")
    .action((flags: Flags) =>
      guarded("bench javascript", async (groups) => {
        for (const backend of flags.backends.split(",")) {
          console.log(`\nBackend ${backend}, ${flags.tokens} tokens per stream\n`);
          await compare(groups, backend, flags);
        }
      }),
    );
}

function specOf(
  checkout: string,
  backend: string,
  { stepDelay }: Flags,
): { command: readonly [string, string]; flags: readonly string[] } {
  const pace = backend === "fake" ? ["--fake-step-delay", stepDelay] : ["--threads", "1"];
  return {
    command: [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")],
    flags: ["--backend", backend, "--slots", String(slots), "--prefix-store-size", "0", ...pace],
  };
}

async function compare(groups: ProcessGroups, backend: string, flags: Flags): Promise<void> {
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const warmUp = integerOf("--warm-up", flags.warmUp, 0, 1_000);
  const maxTokens = integerOf("--tokens", flags.tokens, 1, 100_000);
  const { against } = flags;
  await using ours = await startWorker(groups, specOf(repositoryPath("."), backend, flags));
  await using theirs = against === undefined ? undefined : await startWorker(groups, specOf(against, backend, flags));
  const sides = [
    ...(theirs === undefined ? [] : [{ name: "other checkout", worker: theirs }]),
    { name: "this checkout", worker: ours },
  ];
  const rows: string[][] = [];
  for (const streams of integersOf("--streams", flags.streams)) {
    const played = await alternate({
      ...{ sides, rounds, warmUp },
      play: ({ worker }, round) => measure(worker, { streams, round, maxTokens }),
      progress: ({ name }, round, { engineUs, daemonUs }) =>
        `${backend}, ${streams} streams, ${round}, ${name}: engine ${engineUs.toFixed(0)} us, daemon ${daemonUs.toFixed(0)} us`,
    });
    const [first = []] = played;
    for (const [i, own] of played.entries())
      rows.push([String(streams), sides[i]?.name ?? "", ...tokenFigures.map((figure) => cellOf(own, first, figure))]);
  }
  console.log(`Per token: medians of ${rounds} rounds (quartiles), and the median of the ratios in each round.\n`);
  console.log(markdownTable(["streams", "worker", ...tokenFigures.map(({ name }) => name)], rows));
}

function cellOf(
  own: readonly TokenFigures[],
  first: readonly TokenFigures[],
  { key, digits }: (typeof tokenFigures)[number],
): string {
  const [values, others] = [own, first].map((rounds) => rounds.map((round) => round[key])) as [number[], number[]];
  const shown = medianCell(values, digits);
  return own === first ? shown : `${shown}, x ${ratioOf(values, others).toFixed(2)}`;
}
