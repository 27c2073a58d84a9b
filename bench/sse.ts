// What a token costs the daemon, apart from computing it: CPU of its main thread per token event that is delivered, on the fake backend, next
// to a bare node:http server that writes the same bytes to as many connections at the same pace. Rounds alternate between the two.
//   node --conditions=waggle-source --import tsx bench/sse.ts [--streams 1000] [--rounds 3]
import { parseArgs } from "node:util";
import { createProcessGroups, mainThreadOf, markdownTable, median, repositoryPath } from "@waggle/harness";
import { startDaemon, startWorker, stopwatch, waitFor, type Command } from "@waggle/harness";
import { bareRound, daemonRound, flagsOf, openReaders, record, scenariosOf } from "./lib/rounds.ts";
import type { Round, Scenario, Tally } from "./lib/rounds.ts";

/** Longest time for all connections to open, and for all streams to end. */
const openTimeoutMs = 60_000;
const roundTimeoutMs = 180_000;
/** As it is installed: its build, where there is one. */
const workerCommand: Command = [process.execPath, repositoryPath("apps/worker/bin/waggle-worker.js")];
const bareScript = repositoryPath("bench/lib/bare-server.ts");
const bareCommand: Command = [process.execPath, "--import", import.meta.resolve("tsx"), bareScript];

/** One round on one server. */
interface Measured extends Tally {
  /** Of the server's main thread. */
  readonly cpuMs: number;
  readonly wallMs: number;
}

const { values } = parseArgs({
  options: { streams: { type: "string", default: "1000" }, rounds: { type: "string", default: "3" } },
});
const streams = count("streams");
const rounds = count("rounds");
const groups = createProcessGroups("bench");
const results: string[][] = [];
for (const scenario of scenariosOf(streams)) {
  const sides = await runScenario(scenario);
  const [daemon, bare] = sides.map((side) => median(side.map(usPerToken))) as [number, number];
  const pace = sides.map((side) => Math.round(median(side.map(tokensPerSecond)))).join(", ");
  // Of the medians: how many times the bare server's cost the daemon's is.
  const costs = [`${daemon.toFixed(2)} us`, `${bare.toFixed(2)} us`, (daemon / bare).toFixed(2)];
  results.push([scenario.name, ...costs, pace]);
}
console.log(`CPU of the main thread per token event; ${streams} streams, medians of ${rounds} rounds.\n`);
console.log(markdownTable(["load", "daemon", "bare node:http", "ratio", "tokens/s, daemon and bare"], results));

/** The rounds of the daemon and those of the bare server. */
async function runScenario(scenario: Scenario): Promise<readonly [Measured[], Measured[]]> {
  await using worker = await startWorker(groups, { command: workerCommand, flags: flagsOf(scenario, streams) });
  const setup = JSON.stringify(await record(worker.url, scenario));
  await using bare = await startDaemon(groups, { name: "worker", command: bareCommand, flags: [setup] });
  const { url } = await bare.line("listening");
  const daemonRounds: Measured[] = [];
  const bareRounds: Measured[] = [];
  // The first of each warms up, and does not count.
  for (let round = 0; round <= rounds; round += 1) {
    const ofDaemon = await runRound(scenario, await daemonRound(scenario, streams, worker), worker.pid);
    const ofBare = await runRound(scenario, bareRound(scenario, streams, url), bare.pid);
    progress(`${scenario.name}, daemon`, round, ofDaemon);
    progress(`${scenario.name}, bare`, round, ofBare);
    if (round === 0) continue;
    daemonRounds.push(ofDaemon);
    bareRounds.push(ofBare);
  }
  return [daemonRounds, bareRounds];
}

/** From the moment when the tokens may flow, to every open connection, until every stream has ended. */
async function runRound(scenario: Scenario, { requests, start }: Round, pid: number): Promise<Measured> {
  const { over } = await waitFor("all streams to open", openReaders(requests), openTimeoutMs);
  const cpuBefore = mainThreadOf(pid).cpuMs;
  const elapsed = stopwatch();
  await start();
  const tally = await waitFor("all streams to end", over, roundTimeoutMs);
  const wallMs = elapsed();
  const cpuMs = mainThreadOf(pid).cpuMs - cpuBefore;
  if (tally.done !== streams || tally.tokens !== streams * scenario.tokens) {
    throw new Error(`${tally.done} of ${streams} streams came to their end, with ${tally.tokens} tokens`);
  }
  return { ...tally, cpuMs, wallMs };
}

function usPerToken({ cpuMs, tokens }: Measured): number {
  return (cpuMs * 1_000) / tokens;
}

function tokensPerSecond({ tokens, wallMs }: Measured): number {
  return (tokens * 1_000) / wallMs;
}

function progress(who: string, round: number, measured: Measured): void {
  const what = round === 0 ? "warm-up" : `round ${round}`;
  const pace = `${Math.round(tokensPerSecond(measured))} tokens/s`;
  console.error(`${who}, ${what}: ${usPerToken(measured).toFixed(1)} us per token at ${pace}`);
}

function count(option: "streams" | "rounds"): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`Cannot run with --${option} ${values[option]}: a positive integer is due`);
}
