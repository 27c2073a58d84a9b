// What a token costs the daemon, apart from computing it: CPU of its main thread per token event that is delivered, on the fake backend, next
// to a bare node:http server that writes the same bytes to as many connections at the same pace. Rounds alternate between the two.
//   node --conditions=waggle-source --import tsx bench/sse.ts [--streams 1000] [--rounds 3] [--json]
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

interface Side {
  readonly us_per_token: number;
  readonly us_per_token_rounds: readonly number[];
  readonly tokens_per_second: number;
  readonly bytes_per_token: number;
}

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const streams = count("streams");
const rounds = count("rounds");
const groups = createProcessGroups("bench");
const results: { name: string; daemon: Side; bare: Side; ratio: number }[] = [];
for (const scenario of scenariosOf(streams)) {
  const [daemon, bare] = (await runScenario(scenario)).map(sideOf) as [Side, Side];
  // Of the medians: how many times the bare server's cost the daemon's is.
  results.push({ name: scenario.name, daemon, bare, ratio: rounded(daemon.us_per_token / bare.us_per_token) });
}
if (values.json) console.log(JSON.stringify({ streams, rounds, scenarios: results }));
else {
  console.log(`CPU of the main thread per token event; ${streams} streams, medians of ${rounds} rounds.\n`);
  const rows = results.map(({ name, daemon, bare, ratio }) => {
    const pace = `${Math.round(daemon.tokens_per_second)}, ${Math.round(bare.tokens_per_second)}`;
    return [name, `${daemon.us_per_token} us`, `${bare.us_per_token} us`, String(ratio), pace];
  });
  console.log(markdownTable(["load", "daemon", "bare node:http", "ratio", "tokens/s, daemon and bare"], rows));
}

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

function sideOf(measured: readonly Measured[]): Side {
  const costs = measured.map(({ cpuMs, tokens }) => rounded((cpuMs * 1_000) / tokens));
  return {
    us_per_token: rounded(median(costs)),
    us_per_token_rounds: costs,
    tokens_per_second: rounded(median(measured.map(({ tokens, wallMs }) => (tokens * 1_000) / wallMs))),
    bytes_per_token: rounded(median(measured.map(({ bytes, tokens }) => bytes / tokens))),
  };
}

function progress(who: string, round: number, { tokens, cpuMs, wallMs }: Measured): void {
  if (values.json) return;
  const what = round === 0 ? "warm-up" : `round ${round}`;
  const pace = `${Math.round((tokens * 1_000) / wallMs)} tokens/s`;
  console.error(`${who}, ${what}: ${((cpuMs * 1_000) / tokens).toFixed(1)} us per token at ${pace}`);
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

function count(option: "streams" | "rounds"): number {
  const value = Number(values[option]);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Error(`Cannot run with --${option} ${values[option]}: a positive integer is due`);
}
