// What JavaScript a token costs on its way out, in both processes: CPU of the engine process's main thread and of the daemon's for each token,
// the bytes of its message and of its frames, and the writes that they take. On the fake backend, which paces its steps and computes nothing,
// and on the embedded model. Rounds alternate between this worker and that of another checkout; each runs from its build, where it has one.
//   node --conditions=waggle-source --import tsx bench/javascript.ts [--against <checkout>] [--backends fake,llama] [--streams 1,8,16]
//     [--rounds 5] [--warm-up 5] [--tokens 200] [--step-delay 4ms] [--profile]
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { createProcessGroups, markdownTable, median, percentile, repositoryPath, startWorker } from "@waggle/harness";
import { profileWorker } from "./lib/cpu-profile.ts";
import { measure, tokenFigures, type TokenFigures } from "./lib/token-figures.ts";

const { values } = parseArgs({
  options: {
    against: { type: "string" },
    backends: { type: "string", default: "fake,llama" },
    streams: { type: "string", default: "1,8,16" },
    rounds: { type: "string", default: "5" },
    "warm-up": { type: "string", default: "5" },
    tokens: { type: "string", default: "200" },
    "step-delay": { type: "string", default: "4ms" },
    /** Instead of rounds: where the time of this worker goes, by V8's sampling profiler, which itself costs some. */
    profile: { type: "boolean", default: false },
  },
});
const rounds = Number(values.rounds);
const maxTokens = Number(values.tokens);
/** Until V8 has compiled what runs most. */
const warmUpRounds = Number(values["warm-up"]);
const slots = 16;
const groups = createProcessGroups("bench");

for (const backend of values.backends.split(",")) {
  console.log(`\nBackend ${backend}, ${maxTokens} tokens a stream\n`);
  await (values.profile ? profile(backend) : compare(backend));
}

function specOf(checkout: string, backend: string): { command: readonly [string, string]; flags: readonly string[] } {
  const pace = backend === "fake" ? ["--fake-step-delay", values["step-delay"]] : ["--threads", "1"];
  return {
    command: [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")],
    flags: ["--backend", backend, "--slots", String(slots), "--prefix-store-size", "0", ...pace],
  };
}

async function compare(backend: string): Promise<void> {
  await using ours = await startWorker(groups, specOf(repositoryPath("."), backend));
  await using theirs =
    values.against === undefined ? undefined : await startWorker(groups, specOf(values.against, backend));
  const sides = [
    ...(theirs === undefined ? [] : [{ name: "other checkout", worker: theirs }]),
    { name: "this one", worker: ours },
  ];
  const rows: string[][] = [];
  for (const streams of values.streams.split(",").map(Number)) {
    const played = sides.map((): TokenFigures[] => []);
    for (let round = 0; round < warmUpRounds + rounds; round += 1) {
      // Whoever goes first changes.
      for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
        const figures = await measure(side.worker, { streams, round, maxTokens });
        if (round >= warmUpRounds) played[sides.indexOf(side)]?.push(figures);
        const shown = `engine ${figures.engineUs.toFixed(0)} us, daemon ${figures.daemonUs.toFixed(0)} us`;
        console.error(`${backend}, ${streams} streams, round ${round}, ${side.name}: ${shown}`);
      }
    }
    const [first = []] = played;
    sides.forEach(({ name }, i) => {
      const own = played[i] ?? [];
      rows.push([String(streams), name, ...tokenFigures.map((figure) => cellOf(own, first, figure))]);
    });
  }
  console.log(`For each token; medians of ${rounds} rounds (quartiles), and the median of the rounds' own ratios.\n`);
  console.log(markdownTable(["streams", "who", ...tokenFigures.map(({ name }) => name)], rows));
}

function cellOf(
  own: readonly TokenFigures[],
  first: readonly TokenFigures[],
  { key, digits }: (typeof tokenFigures)[number],
): string {
  const all = own.map((round) => round[key]);
  const [low, high] = [percentile(all, 0.25), percentile(all, 0.75)];
  const shown = `${median(all).toFixed(digits)} (${low.toFixed(digits)} to ${high.toFixed(digits)})`;
  if (own === first) return shown;
  const ratio = median(own.map((round, i) => round[key] / (first[i]?.[key] ?? Number.NaN)));
  return `${shown}, x ${ratio.toFixed(2)}`;
}

async function profile(backend: string): Promise<void> {
  for (const streams of values.streams.split(",").map(Number)) {
    const spec = specOf(values.against ?? repositoryPath("."), backend);
    const shares = await profileWorker(groups, spec, async (worker) => {
      let tokens = 0;
      for (let round = 0; round < rounds; round += 1) {
        tokens += (await measure(worker, { streams, round, maxTokens })).tokens;
      }
      return tokens;
    });
    for (const { process: name, rows } of shares) {
      const cells = rows.map(({ part, us }) => [part, us.toFixed(2)]);
      console.log(`${name}, ${streams} streams\n\n${markdownTable(["part", "us per token"], cells)}\n`);
    }
  }
}
