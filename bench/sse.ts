// What a token costs the daemon, apart from computing it: CPU of its main thread per token event that is delivered, on the fake backend, next
// to a bare node:http server that writes the same bytes to as many connections at the same pace. Rounds alternate between the two.
//   node --conditions=waggle-source --import tsx bench/sse.ts [--streams 1000] [--rounds 3] [--json]
import { once } from "node:events";
import { parseArgs } from "node:util";
import type { ChildProcess } from "node:child_process";
import { printTable, summarize } from "./lib/report.ts";
import type { Measured, ScenarioResult } from "./lib/report.ts";
import { mainThreadCpuMs, nextMessage, served, startScript, startWorker, stop } from "./lib/processes.ts";
import type { Served } from "./lib/processes.ts";
import { bareRound, daemonRound, record } from "./lib/requests.ts";
import { scenariosOf } from "./lib/scenarios.ts";
import type { Scenario } from "./lib/scenarios.ts";
import type { BareSetup, ReadersCommand, ReadersReport, Tally } from "./lib/messages.ts";

/** Longest time for all connections to open, and for all streams to end. */
const openTimeoutMs = 60_000;
const roundTimeoutMs = 180_000;

const { values } = parseArgs({
  options: {
    streams: { type: "string", default: "1000" },
    rounds: { type: "string", default: "3" },
    json: { type: "boolean", default: false },
  },
});
const streams = count(values.streams, "streams");
const rounds = count(values.rounds, "rounds");
const results: ScenarioResult[] = [];
for (const scenario of scenariosOf(streams)) results.push(await runScenario(scenario));
if (values.json) console.log(JSON.stringify({ streams, rounds, scenarios: results }));
else printTable(streams, rounds, results);

async function runScenario(scenario: Scenario): Promise<ScenarioResult> {
  const readers = startScript("readers");
  const worker = await startWorker(scenario.flags);
  const bareProcess = startScript("bare");
  try {
    const recording = await record(worker.port, scenario.tokens);
    const setup: BareSetup = { recording, slots: scenario.bareSlots, stepDelayMs: scenario.stepDelayMs };
    bareProcess.send(setup);
    const [port] = (await once(bareProcess, "message")) as [number];
    const bare = served(bareProcess, port);
    const daemonRounds: Measured[] = [];
    const bareRounds: Measured[] = [];
    // The first of each warms up, and does not count.
    for (let round = 0; round <= rounds; round += 1) {
      for (const [target, into] of [
        [worker, daemonRounds],
        [bare, bareRounds],
      ] as const) {
        const measured = await runRound(scenario, target, readers, target === worker);
        if (!values.json) progress(scenario, target === worker ? "daemon" : "bare", round, measured);
        if (round > 0) into.push(measured);
      }
    }
    return summarize(scenario.name, daemonRounds, bareRounds);
  } finally {
    await Promise.all([worker.stop(), stop(bareProcess), stop(readers)]);
  }
}

/** From the moment when the tokens may flow, to every open connection, until every stream has ended. */
async function runRound(scenario: Scenario, target: Served, readers: ChildProcess, daemon: boolean): Promise<Measured> {
  const { crowds, start } = daemon ? await daemonRound(scenario, target.port) : bareRound(scenario, target.port);
  const opened = nextMessage<ReadersReport>(readers, ({ type }) => type === "open", openTimeoutMs);
  const over = nextMessage<ReadersReport & Tally>(readers, ({ type }) => type === "over", roundTimeoutMs);
  // Whichever of the two fails first tells why; the other must not end the process by itself.
  over.catch(() => {});
  readers.send({ port: target.port, crowds } satisfies ReadersCommand);
  await opened;
  const cpuBefore = mainThreadCpuMs(target.pid);
  const startedAt = performance.now();
  await start();
  const { tokens, bytes, done } = await over;
  const cpuMs = mainThreadCpuMs(target.pid) - cpuBefore;
  const wallMs = performance.now() - startedAt;
  if (done !== streams || tokens !== streams * scenario.tokens) {
    throw new Error(`${done} of ${streams} streams came to their end, with ${tokens} tokens`);
  }
  return { tokens, bytes, cpuMs, wallMs };
}

function progress(scenario: Scenario, who: string, round: number, { tokens, cpuMs, wallMs }: Measured): void {
  const what = round === 0 ? "warm-up" : `round ${round}`;
  const pace = `${Math.round((tokens * 1000) / wallMs)} tokens/s`;
  console.error(`${scenario.name}, ${who}, ${what}: ${((cpuMs * 1000) / tokens).toFixed(1)} us per token at ${pace}`);
}

function count(text: string, option: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`Cannot run with --${option} ${text}: a positive integer is due`);
  return value;
}
