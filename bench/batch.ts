// Measures batches: what three chats notice of one and what it gets meanwhile, its speed on an idle worker compared with clients at the same
// slots, and lines with one system prompt compared with llama-server.
import { resolve } from "node:path";
import { guarded, integerOf, markdownTable, send, type ProcessGroups } from "@waggle/testing/harness";
import { Option, type Command } from "commander";
import { playStreams, type StreamRound } from "./batch/stream-rounds.ts";
import { askByClients, lineOf, startBatch, type Answered, type Line } from "./batch/lines.ts";
import { alternate, medianCell, ratioOf } from "./lib/alternate.ts";
import { openLlamaServer, openWorker, type Server } from "./lib/servers.ts";
import { calibratePrompts, type PromptMaker } from "./worker/prompts.ts";

interface Flags {
  readonly model: string;
  readonly llamaServer?: string;
  readonly only: readonly (typeof parts)[number][];
  readonly lines: string;
  readonly slots: string;
  readonly threads?: string;
  readonly contextTokens: string;
  readonly seconds: string;
  readonly rounds: string;
}

const parts = ["streams", "idle", "prefixes"] as const;
const systemTokens = 800;
const userTokens = 32;
/** Of the answer to a line; of one with the long system prompt. */
const [answerTokens, shortTokens] = [64, 16];

export function addBatch(command: Command): void {
  command
    .requiredOption("--model <gguf>", "the servers' model")
    .option("--llama-server <program>", "llama-server of the same release, which prefixes are compared with")
    .addOption(new Option("--only <part...>", "measure only these").choices(parts).default(parts))
    .option("--lines <n>", "lines of a batch", "1000")
    .option("--slots <n>", "slots of each server, and clients of idle and prefixes", "8")
    .option("--threads <n>", "threads of each server (default: the server's choice)")
    .option("--context-tokens <n>", "tokens of the contexts of the three chats", "4000")
    .option("--seconds <n>", "seconds in which gaps are measured; half as long for new chats", "20")
    .option("--rounds <n>", "measured rounds, after one warm-up round", "5")
    .action((flags: Flags) => guarded("bench batch", (groups) => measure(groups, flags)));
}

type Plan = ReturnType<typeof planOf>;

function planOf(flags: Flags) {
  return {
    lines: integerOf("--lines", flags.lines, 1, 50_000),
    slots: integerOf("--slots", flags.slots, 4, 64),
    contextTokens: integerOf("--context-tokens", flags.contextTokens, 64, 100_000),
    seconds: integerOf("--seconds", flags.seconds, 1, 1_000),
    rounds: integerOf("--rounds", flags.rounds, 1, 1_000),
  };
}

async function measure(groups: ProcessGroups, flags: Flags): Promise<void> {
  const plan = planOf(flags);
  const options = (contextSize: number) => ({
    ...{ groups, contextSize, files: { model: resolve(flags.model) }, slots: plan.slots },
    threads: flags.threads === undefined ? undefined : integerOf("--threads", flags.threads, 1, 1_024),
  });
  const shortContext = 2 * (systemTokens + userTokens + answerTokens);
  if (flags.only.includes("streams")) {
    await withServers([await openWorker(options(2 * plan.contextTokens + shortContext))], printStreams, plan);
  }
  if (flags.only.includes("idle")) await withServers([await openWorker(options(shortContext))], printIdle, plan);
  if (!flags.only.includes("prefixes")) return;
  if (flags.llamaServer === undefined) return console.log("\nPrefixes were not measured: name --llama-server.");
  const opened = [await openWorker(options(shortContext))];
  opened.push(await openLlamaServer(resolve(flags.llamaServer), options(shortContext)));
  await withServers(opened, printPrefixes, plan);
}

type Print = (servers: readonly [Server, ...Server[]], prompts: PromptMaker, plan: Plan) => Promise<void>;

async function withServers(servers: readonly Server[], print: Print, plan: Plan): Promise<void> {
  const [first, ...others] = servers;
  if (first === undefined) return;
  try {
    const prompts = await calibratePrompts(async (content) => {
      const answer = await send({ url: `${first.url}/tokenize`, body: { content } });
      return (JSON.parse(await answer.text()) as { readonly tokens: readonly unknown[] }).tokens.length;
    });
    await print([first, ...others], prompts, plan);
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** @param set no two sets have the same texts, so that the caches have only what the lines of one set share @param system whether they have a system prompt */
function linesOf(prompts: PromptMaker, count: number, set: number, system: boolean): readonly Line[] {
  const seed = (set + 1) * 1_000_000;
  const shared = system ? prompts.make(systemTokens, seed) : undefined;
  const maxTokens = system ? shortTokens : answerTokens;
  return Array.from({ length: count }, (_, i) => lineOf(shared, prompts.make(userTokens, seed + i + 1), maxTokens));
}

async function printStreams(...[[server], prompts, plan]: Parameters<Print>): Promise<void> {
  const { lines, contextTokens, seconds, rounds } = plan;
  const sides = [{ name: "without a batch" }, { name: "with a batch" }] as const;
  const [alone = [], joined = []] = await alternate({
    ...{ sides, rounds, warmUp: 1 },
    play: (side, round) =>
      playStreams(
        { server, prompts, contextTokens, seconds },
        side === sides[0] ? undefined : linesOf(prompts, lines, round, false),
        (round + 1) * 2_000_000 + (side === sides[0] ? 0 : 500_000),
      ),
    progress: ({ name }, round, { gapP50, gapP99 }) =>
      `${round}, ${name}: gaps ${gapP50.toFixed(1)} ms, p99 ${gapP99.toFixed(1)} ms`,
  });
  const rowOf = (name: string, pick: (round: StreamRound) => number): string[] => {
    const [first, second] = [alone.map(pick), joined.map(pick)];
    return [name, medianCell(first, 1), medianCell(second, 1), ratioOf(second, first).toFixed(3)];
  };
  const rows = [
    rowOf("gap between tokens, p50, ms", ({ gapP50 }) => gapP50),
    rowOf("gap between tokens, p99, ms", ({ gapP99 }) => gapP99),
    rowOf("first token of a new chat, ms", ({ firstToken }) => firstToken),
  ];
  const rate = medianCell(
    joined.map(({ linesPerSecond }) => linesPerSecond),
    2,
  );
  console.log(`\nThree chats with contexts of ${contextTokens} tokens. Medians (quartiles) of ${rounds} rounds.\n`);
  console.log(markdownTable(["", ...sides.map(({ name }) => name), "ratio"], rows));
  console.log(`\nLines/s of the batch meanwhile: ${rate}.`);
}

async function printIdle(...[servers, prompts, plan]: Parameters<Print>): Promise<void> {
  const heading = `An idle worker with ${plan.slots} slots, ${plan.lines} lines of ${answerTokens} tokens.`;
  await printSpeeds(heading, servers, prompts, plan, false);
}

async function printPrefixes(...[servers, prompts, plan]: Parameters<Print>): Promise<void> {
  const heading = `${plan.lines} lines of ${shortTokens} tokens with one system prompt of ${systemTokens} tokens.`;
  await printSpeeds(heading, servers, prompts, plan, true);
}

/** Prints the speeds of the last server's clients and of a batch at the first. @param system whether the lines share a system prompt */
async function printSpeeds(
  heading: string,
  [ours, theirs = ours]: Parameters<Print>[0],
  prompts: PromptMaker,
  { lines, slots, rounds }: Plan,
  system: boolean,
): Promise<void> {
  const sides = [
    { name: `${theirs.name}, ${slots} clients`, play: (asked: readonly Line[]) => askByClients(theirs, asked, slots) },
    { name: "batch", play: async (asked: readonly Line[]) => await (await startBatch(ours, asked)).ended() },
  ];
  const played = await alternate({
    ...{ sides, rounds, warmUp: 1 },
    play: (side, round) => side.play(linesOf(prompts, lines, round * sides.length + sides.indexOf(side), system)),
    progress: ({ name }, round, { ms }) => `${round}, ${name}: ${(ms / 1_000).toFixed(1)} s`,
  });
  const perSecond = (key: "lines" | "tokens", figures: readonly Answered[]): readonly number[] =>
    figures.map((one) => (1_000 * one[key]) / one.ms);
  const first = perSecond("lines", played[0] ?? []);
  const rows = sides.map(({ name }, i) => {
    const figures = played[i] ?? [];
    const own = perSecond("lines", figures);
    return [name, medianCell(own, 2), medianCell(perSecond("tokens", figures), 1), ratioOf(own, first).toFixed(3)];
  });
  console.log(`\n${heading} Medians (quartiles) of ${rounds} rounds.\n`);
  console.log(markdownTable(["", "lines/s", "tokens/s", "ratio of lines/s"], rows));
}
