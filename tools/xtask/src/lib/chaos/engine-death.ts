// Owns one death of an engine under load: every stream in it ends with its error, a new engine comes, and who waited runs on that.
import { named, timeBetween, type ChaosWorker } from "./chaos-worker.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import { isAlive } from "./process-look.ts";
import type { UncutRequest } from "./stage.ts";
import { errorOf, isQueued, isToken } from "./stream-events.ts";
import { stopwatch, waitFor } from "./waits.ts";
import { freshId, inference, jobs } from "./ways.ts";

export interface Death {
  /** As the metric and the log call it. */
  readonly reason: "signal" | "hung";
  /** Sent to the engine. */
  readonly signal: NodeJS.Signals;
  /** What a job that waited must say, where that is known: on the fake backend. */
  readonly textOf?: (request: UncutRequest) => Promise<string>;
}

/** Streams that run when the engine dies: one in each slot. */
export const slotsUnderLoad = 8;
const waitingJobs = 4;
const waitingTokens = 20;
/** From an engine's death to the start of the next one; after the second death in a row the worker waits half a second. */
const restartLimitMs = 2_000;
/** How much longer than the first the next engine may load: whoever else uses the machine decides that. */
const loadFactor = 2;
const loadSlackMs = 5_000;
/** Longer than any limit above: so that a load that is too slow is told with its time. */
const loadWaitMs = 40_000;

export async function checkDeath(worker: ChaosWorker, death: Death, facts: Facts): Promise<void> {
  const running = await openRunning(worker, slotsUnderLoad);
  const waiting = await openWaiting(worker, death);
  const counted = async (): Promise<number> =>
    (await worker.metrics()).sum("waggle_engine_deaths_total", { reason: death.reason });
  const before = await counted();
  const from = worker.log.lines.length;
  const dead = worker.enginePid();
  const elapsed = stopwatch();
  process.kill(dead, death.signal);

  for (const stream of running) await checkFailed(stream, facts);
  facts.number("last_error_ms", elapsed());
  const { ready, reason } = await worker.client.ready();
  facts.expect(ready || (reason ?? "") !== "", "readyz does not say why it is not ready");
  await checkRestart(worker, from, facts);
  facts.number("ready_again_ms", elapsed());
  facts.expect(!(await isAlive(dead)), "the old engine still lives");
  facts.equal("deaths counted", (await counted()) - before, 1);
  for (const { stream, text } of waiting) {
    const { how } = await waitFor("the end of a job that had waited", stream.over);
    facts.equal("how a waiting job ended", [how, stream.problems], ["complete", []]);
    if (text !== undefined) facts.equal("the text of a waiting job", stream.text, text);
  }
}

/** The next engine comes at once, and loads no longer than an engine does. Log lines count from the index `from` on. */
async function checkRestart(worker: ChaosWorker, from: number, facts: Facts): Promise<void> {
  const loadLimitMs = worker.firstLoadMs * loadFactor + loadSlackMs;
  const ready = await worker.log.line("the next engine to be ready", named("model_ready"), {
    from,
    limitMs: loadWaitMs,
  });
  const lines = worker.log.lines.slice(from);
  const died = lines.find(({ msg }) => String(msg).startsWith("engine_died"));
  const started = lines.find(named("engine_start"));
  const restartMs = timeBetween(died, started);
  facts.expect(restartMs <= restartLimitMs, `the next engine was started after ${restartMs} ms`);
  const loadMs = timeBetween(started, ready);
  facts.expect(loadMs <= loadLimitMs, `the next engine took ${loadMs} ms to load, and ${loadLimitMs} were allowed`);
}

/** So many streams, in both ways, all decoding. */
export async function openRunning(worker: ChaosWorker, count: number): Promise<LiveStream[]> {
  const streams = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const way = i % 2 === 0 ? inference : jobs;
      return way.open(worker, { prompt: `Stream ${i} goes on.`, ignore_eos: true, job_id: freshId("running") });
    }),
  );
  for (const stream of streams) await stream.event("a stream's first token", isToken);
  return streams;
}

interface Waiting {
  readonly stream: LiveStream;
  readonly text: string | undefined;
}

function openWaiting(worker: ChaosWorker, { textOf }: Death): Promise<Waiting[]> {
  return Promise.all(
    Array.from({ length: waitingJobs }, async (_, i) => {
      const request = { prompt: "I wait for an engine.", seed: i + 1, max_tokens: waitingTokens };
      const text = await textOf?.(request);
      const stream = await inference.open(worker, { ...request, job_id: freshId("waiting") });
      await stream.event("a place in the queue", isQueued);
      return { stream, text };
    }),
  );
}

/** A typed error, then the end of the connection, and not a clean one. */
export async function checkFailed(stream: LiveStream, facts: Facts): Promise<void> {
  const over = await waitFor("the error of a stream whose engine died", stream.over);
  facts.equal("what is wrong with the stream", stream.problems, []);
  facts.equal("the error it ended with", errorOf(over.terminal), "engine_failed");
  facts.equal("how the connection ended", over.how, "broken");
}
