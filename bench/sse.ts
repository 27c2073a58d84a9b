// Measures the daemon's CPU time per delivered token without the computing: its main thread, on the fake backend. The daemon is compared with
// a bare node:http server that writes the same bytes to as many connections at the same pace, or with the worker of another checkout. Rounds
// alternate between the two servers.
import { resolve } from "node:path";
import {
  guarded,
  integerOf,
  mainThreadOf,
  markdownTable,
  median,
  repositoryPath,
  startDaemon,
  startWorker,
  stopwatch,
  waitFor,
  type Command,
  type ProcessGroups,
  type Worker,
} from "@waggle/testing/harness";
import type { Command as Program } from "commander";
import { alternate, ratioOf } from "./lib/alternate.ts";
import { bareRound, daemonRound, flagsOf, openReaders, record, scenariosOf } from "./lib/sse-rounds.ts";
import type { Round, Scenario, Tally } from "./lib/sse-rounds.ts";

/** Longest time for all connections to open, and for all streams to end. */
const openTimeoutMs = 60_000;
const roundTimeoutMs = 180_000;
/** The installed worker: it runs from its build if one exists. */
const workerCommand: Command = [process.execPath, repositoryPath("apps/worker/bin/waggle-worker.js")];
const bareScript = repositoryPath("bench/lib/bare-server.ts");
const bareCommand: Command = [process.execPath, "--import", import.meta.resolve("tsx"), bareScript];

/** Results of one round on one server. */
interface Measured extends Tally {
  /** CPU time of the server's main thread. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

interface Flags {
  readonly streams: string;
  readonly rounds: string;
  readonly against?: string;
}

export function addSse(command: Program): void {
  command
    .option("--streams <n>", "connections at the same time", "1000")
    .option("--rounds <n>", "measured rounds, after one warm-up round", "3")
    .option("--against <checkout>", "compare with the worker of another checkout (default: a bare node:http server)")
    .action((flags: Flags) =>
      guarded("bench sse", async (groups) => {
        const streams = integerOf("--streams", flags.streams, 1, 100_000);
        const rounds = integerOf("--rounds", flags.rounds, 1, 1_000);
        const results: string[][] = [];
        for (const scenario of scenariosOf(streams)) {
          const sides = await runScenario(groups, scenario, { streams, rounds, against: flags.against });
          const [daemon = [], other = []] = sides.map((side) => side.map(usPerToken));
          const pace = sides.map((side) => Math.round(median(side.map(tokensPerSecond)))).join(", ");
          const costs = [daemon, other].map((values) => `${median(values).toFixed(2)} us`);
          results.push([scenario.name, ...costs, ratioOf(daemon, other).toFixed(2), pace]);
        }
        console.log(`CPU of the main thread per token event; ${streams} streams, medians of ${rounds} rounds.\n`);
        const other = flags.against === undefined ? "bare node:http" : "other checkout";
        console.log(markdownTable(["load", "daemon", other, "ratio", "tokens/s of both"], results));
      }),
    );
}

/** @returns the rounds of the daemon, and those of the server that it is compared with */
async function runScenario(
  groups: ProcessGroups,
  scenario: Scenario,
  {
    streams,
    rounds,
    against,
  }: { readonly streams: number; readonly rounds: number; readonly against: string | undefined },
): Promise<readonly (readonly Measured[])[]> {
  await using worker = await startWorker(groups, { command: workerCommand, flags: flagsOf(scenario, streams) });
  await using other =
    against === undefined
      ? await startBare(groups, scenario, worker, streams)
      : await startOther(groups, scenario, against, streams);
  const sides = [
    { name: "daemon", pid: worker.pid, round: () => daemonRound(scenario, streams, worker) },
    { name: "other", pid: other.pid, round: other.round },
  ];
  return await alternate({
    ...{ sides, rounds, warmUp: 1 },
    play: async ({ pid, round }) => await runRound(scenario, await round(), pid, streams),
    progress: ({ name }, round, measured) =>
      `${scenario.name}, ${name}, ${round}: ${usPerToken(measured).toFixed(1)} us per token at ${Math.round(tokensPerSecond(measured))} tokens/s`,
  });
}

/** The server that the daemon is compared with; disposing of it stops it. */
interface Other extends AsyncDisposable {
  readonly pid: number;
  round(): Promise<Round>;
}

async function startBare(groups: ProcessGroups, scenario: Scenario, worker: Worker, streams: number): Promise<Other> {
  const setup = JSON.stringify(await record(worker.url, scenario));
  const bare = await startDaemon(groups, { name: "worker", command: bareCommand, flags: [setup] });
  const { url } = await bare.line("listening");
  const round = (): Promise<Round> => Promise.resolve(bareRound(scenario, streams, url));
  return { pid: bare.pid, round, [Symbol.asyncDispose]: () => bare[Symbol.asyncDispose]() };
}

async function startOther(
  groups: ProcessGroups,
  scenario: Scenario,
  checkout: string,
  streams: number,
): Promise<Other> {
  const command: Command = [process.execPath, resolve(checkout, "apps/worker/bin/waggle-worker.js")];
  const worker = await startWorker(groups, { command, flags: flagsOf(scenario, streams) });
  const round = (): Promise<Round> => daemonRound(scenario, streams, worker);
  return { pid: worker.pid, round, [Symbol.asyncDispose]: () => worker[Symbol.asyncDispose]() };
}

/** Opens all streams, then measures from the start of their tokens until every stream has ended. */
async function runRound(
  scenario: Scenario,
  { requests, start }: Round,
  pid: number,
  streams: number,
): Promise<Measured> {
  const { over } = await waitFor("all streams to open", openReaders(requests), openTimeoutMs);
  const cpuBefore = mainThreadOf(pid).cpuMs;
  const elapsed = stopwatch();
  await start();
  const tally = await waitFor("all streams to end", over, roundTimeoutMs);
  const wallMs = elapsed();
  const cpuMs = mainThreadOf(pid).cpuMs - cpuBefore;
  if (tally.done !== streams || tally.tokens !== streams * scenario.tokens) {
    throw new Error(`Cannot measure: ${tally.done} of ${streams} streams were complete, with ${tally.tokens} tokens`);
  }
  return { ...tally, cpuMs, wallMs };
}

function usPerToken({ cpuMs, tokens }: Measured): number {
  return (cpuMs * 1_000) / tokens;
}

function tokensPerSecond({ tokens, wallMs }: Measured): number {
  return (tokens * 1_000) / wallMs;
}
