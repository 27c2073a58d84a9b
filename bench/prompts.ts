// Measures what a prompt costs before its first token, compared with the worker of another checkout: one long prompt, many short prompts at once,
// and the memory that requests and preflights leave behind. Rounds alternate between the two checkouts.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import {
  compare,
  guarded,
  inLanes,
  integerOf,
  mainThreadOf,
  markdownTable,
  percentile,
  poll,
  repositoryPath,
  send,
  startGateway,
  startNats,
  startWorker,
  times,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { Command } from "commander";
import { alternate, medianCell } from "./lib/alternate.ts";

interface Flags {
  readonly against: string;
  readonly measure: string;
  readonly model?: string;
  readonly tokens: string;
  readonly rounds: string;
}

export function addPrompts(command: Command): void {
  command
    .requiredOption("--against <checkout>", "the other checkout, installed and built")
    .option("--measure <list>", "long, short, requests, preflights", "short,requests,preflights")
    .option("--model <gguf>", "the model for the long prompt, for example of `xtask model synth`")
    .option("--tokens <n>", "tokens of the long prompt", "30000")
    .option("--rounds <n>", "measured rounds", "5")
    .action((flags: Flags) => guarded("bench prompts", (groups) => measureAll(groups, flags)));
}

/** What one round on one side measured, by the name of the figure with its unit. */
type Figures = Readonly<Record<string, number>>;

interface Side extends AsyncDisposable {
  readonly name: string;
  play(round: number): Promise<Figures>;
}

/** A measurement: opens a side with a checkout's programs. */
type Measure = (groups: ProcessGroups, checkout: string, flags: Flags) => Promise<Omit<Side, "name">>;

const shortPrompts = 200;
const requestCount = 1_200;
const preflightCount = 2_000;
/** About the characters of 2,000 tokens of text. */
const preflightChars = 8_000;
const silenceMs = 1_800_000;

async function measureAll(groups: ProcessGroups, flags: Flags): Promise<void> {
  for (const name of flags.measure.split(",")) {
    const measure = measures[name];
    if (measure === undefined) throw new Error(`Unknown measurement "${name}": ${Object.keys(measures).join(", ")}`);
    await compareSides(groups, name, measure, flags);
  }
}

async function compareSides(groups: ProcessGroups, what: string, measure: Measure, flags: Flags): Promise<void> {
  // Memory is measured in new processes each time, so one round opens and closes its side.
  const fresh = what === "requests" || what === "preflights";
  const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
  const checkouts = [
    { name: "other checkout", path: resolve(flags.against) },
    { name: "this checkout", path: repositoryPath(".") },
  ];
  const open = new Map<string, Omit<Side, "name">>();
  try {
    const sides = await alternate({
      ...{ sides: checkouts, rounds, warmUp: what === "short" ? 1 : 0 },
      async play({ name, path }, round) {
        if (fresh) {
          await using side = await measure(groups, path, flags);
          return await side.play(round);
        }
        const side = open.get(name) ?? (await measure(groups, path, flags));
        open.set(name, side);
        return await side.play(round);
      },
      progress: ({ name }, round, figures) => `${what}, ${round}, ${name}: ${JSON.stringify(figures)}`,
    });
    print(what, sides, rounds);
  } finally {
    for (const side of open.values()) await side[Symbol.asyncDispose]();
  }
}

function print(what: string, [other = [], own = []]: readonly (readonly Figures[])[], rounds: number): void {
  const names = Object.keys(own[0] ?? {});
  const column = (side: readonly Figures[], name: string): number[] => side.map((figures) => figures[name] ?? NaN);
  const rows = names.map((name) => [
    name,
    medianCell(column(other, name), 1),
    medianCell(column(own, name), 1),
    (compare(column(own, name), column(other, name)).ratio ?? NaN).toFixed(2),
  ]);
  console.log(`\n${what}: medians (quartiles) of ${rounds} rounds.\n`);
  console.log(markdownTable(["figure", "other checkout", "this checkout", "ratio"], rows));
}

const measures: Readonly<Record<string, Measure>> = {
  /** One prompt in an idle worker. */
  async long(groups, checkout, { model, tokens }) {
    const wanted = integerOf("--tokens", tokens, 100, 1_000_000);
    const size = String(wanted + 256);
    const flags = [...(model === undefined ? ["--backend", "fake"] : ["--model", resolve(model)]), "--slots", "1"];
    const worker = await open(groups, checkout, [...flags, "--context-size", size]);
    const perWord = (await tokensOf(worker, words(1_000, 0))) / 1_000;
    return {
      async play(round) {
        const engine = mainThreadOf(worker.enginePid()).cpuMs;
        const { ttftMs, promptTokens } = await ask(worker.url, words(Math.floor(wanted / perWord), round + 1), 4);
        return {
          "first token, ms": ttftMs,
          "prompt tokens": promptTokens,
          "engine's main thread, ms": mainThreadOf(worker.enginePid()).cpuMs - engine,
        };
      },
      [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
    };
  },

  /** Many prompts at once, for eight slots of the embedded model. */
  async short(groups, checkout) {
    const worker = await open(groups, checkout, ["--slots", "8", "--threads", "1", ...room]);
    return {
      async play(round) {
        const before = cpuOf(worker);
        const answers = await times(shortPrompts, (i) =>
          ask(worker.url, `Once upon a time there was a bee called ${round}-${i} who`, 16),
        );
        const first = answers.map(({ ttftMs }) => ttftMs);
        const tokens = answers.reduce((sum, answer) => sum + answer.tokens, 0);
        const after = cpuOf(worker);
        return {
          "first token p50, ms": percentile(first, 0.5),
          "first token p95, ms": percentile(first, 0.95),
          "engine's main thread, us per token": ((after.engine - before.engine) * 1_000) / tokens,
          "daemon's main thread, us per token": ((after.daemon - before.daemon) * 1_000) / tokens,
        };
      },
      [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
    };
  },

  /** Memory of both processes after many answers of the embedded model. */
  async requests(groups, checkout) {
    const worker = await open(groups, checkout, ["--slots", "8", "--threads", "1", ...room]);
    return {
      async play() {
        const prompts = Array.from(
          { length: requestCount },
          (_, i) => `Once upon a time there was a bee called ${i} who`,
        );
        await inLanes(8, prompts, (prompt) => ask(worker.url, prompt, 16));
        return memoryOf(worker);
      },
      [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose](),
    };
  },

  /** Memory of a worker in a fleet, which a gateway asks about each job before it accepts the job. */
  async preflights(groups, checkout) {
    const nats = await startNats(groups);
    const worker = await open(groups, checkout, ["--backend", "fake", "--slots", "8", "--nats-url", nats.url, ...room]);
    const program = resolve(checkout, "apps/gateway/bin/waggle-gateway.js");
    const gateway = await startGateway(groups, {
      command: [process.execPath, program],
      flags: ["--nats-url", nats.url, ...room],
    });
    await poll("the gateway to know the worker", async () => (await gateway.client.health()).ready);
    return {
      async play() {
        const prompts = Array.from({ length: preflightCount }, (_, i) => `${i} ${"honey ".repeat(preflightChars / 6)}`);
        const answers = await inLanes(8, prompts, (prompt) => ask(gateway.url, prompt, 1));
        return { ...memoryOf(worker), answers: answers.filter(({ tokens }) => tokens > 0).length };
      },
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]();
        await worker[Symbol.asyncDispose]();
        await nats[Symbol.asyncDispose]();
      },
    };
  },
};

const room = ["--queue-capacity", "512", "--client-queue-share", "1", "--max-streams-per-client", "512"];

async function open(groups: ProcessGroups, checkout: string, flags: readonly string[]): Promise<Worker> {
  const program = resolve(checkout, "apps/worker/bin/waggle-worker.js");
  return await startWorker(groups, { command: [process.execPath, program], flags });
}

/** Words that differ from the first one on, so that no two rounds share a prefix. */
function words(count: number, round: number): string {
  return Array.from({ length: count }, (_, i) => (i * 7 + round * 13) % 1_000).join(" ");
}

async function tokensOf(worker: Worker, content: string): Promise<number> {
  const answer = await fetch(`${worker.url}/tokenize`, { method: "POST", body: JSON.stringify({ content }) });
  return ((await answer.json()) as { tokens: readonly number[] }).tokens.length;
}

interface Asked {
  readonly ttftMs: number;
  readonly tokens: number;
  readonly promptTokens: number;
}

async function ask(url: string, prompt: string, maxTokens: number): Promise<Asked> {
  const body = { prompt, max_tokens: maxTokens, temperature: 0, ignore_eos: true };
  const answer = await send({ url: `${url}/v1/inference`, body, silenceMs });
  if (answer.status !== 200) throw new Error(`Cannot measure: ${await answer.text()}`);
  let [firstAt, tokens, promptTokens, error] = [NaN, 0, 0, ""];
  const { over } = answer.frames({
    onFrame({ event, data }, at) {
      if (event === "token" && Number.isNaN(firstAt)) firstAt = at;
      if (event === "error") error = data;
      if (event !== "end") return;
      const { usage } = JSON.parse(data) as { usage: { completion_tokens: number; prompt_tokens: number } };
      [tokens, promptTokens] = [usage.completion_tokens, usage.prompt_tokens];
    },
  });
  await over;
  if (error !== "" || Number.isNaN(firstAt)) throw new Error(`Cannot measure: ${error}`);
  return { ttftMs: firstAt - answer.sentAt, tokens, promptTokens };
}

function cpuOf(worker: Worker): { readonly engine: number; readonly daemon: number } {
  return { engine: mainThreadOf(worker.enginePid()).cpuMs, daemon: mainThreadOf(worker.pid).cpuMs };
}

function memoryOf(worker: Worker): Figures {
  return { "daemon, MB": residentMb(worker.pid), "engine, MB": residentMb(worker.enginePid()) };
}

/** Resident memory of one process; its children do not count. See proc(5). */
function residentMb(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1_000;
}
