// Owns the engine's faults: killed, stopped, broken, and dying again and again. That none outlives its worker is in tests/lifecycle.
import {
  exitOf,
  isAlive,
  isOver,
  logged,
  stopwatch,
  timeBetween,
  type Facts,
  type LiveStream,
  type Worker,
} from "@waggle/testing/harness";
import type { Stage } from "./stage.ts";
import { freshId, inference, openRunning, openWaiting } from "./ways.ts";

/** Streams that run when the engine dies: one in each slot. */
export const slotsUnderLoad = 8;
const waitingJobs = 4;
const waiting = { prompt: "I wait for an engine.", seed: 1, max_tokens: 20 };
const endless = { prompt: "Continue for ever.", ignore_eos: true, on_engine_loss: "error" } as const;
/** From an engine's death to the start of the next one; after the second death in a row the worker waits half a second. */
const restartLimitMs = 2_000;
/** How much longer than the first the next engine may load: other users of the machine can slow it down. */
const loadFactor = 2;
const loadSlackMs = 5_000;
/** Longer than the limits above, so that the message of a slow load has its time. */
const loadWaitMs = 120_000;
/** A busy machine may keep an engine waiting for a second. */
const watchdogMs = 3_000;
const crashLoopDeaths = 3;
const crashAtStep = 40;
const roundsLong = 20;

export async function runEngineFaults(stage: Stage): Promise<void> {
  await runDeaths(stage);
  await runBreaking(stage);
  await runCrashLoop(stage);
}

/** An engine that is killed and one that hangs, under eight streams, while more jobs wait. */
async function runDeaths(stage: Stage): Promise<void> {
  const flags = `--slots ${slotsUnderLoad} --fake-step-delay 10 --watchdog-timeout ${watchdogMs}ms`;
  const text = await stage.uncutText(waiting);
  for (const _ of stage.rounds(roundsLong)) {
    // A new worker for each round: one whose engines keep dying starts them later and later.
    await using worker = await stage.startWorker(flags);
    await stage.check(`kill -9 of the engine under ${slotsUnderLoad} streams`, (facts) =>
      checkDeath(worker, { reason: "signal", signal: "SIGKILL", text }, facts),
    );
    await stage.check(`SIGSTOP of the engine under ${slotsUnderLoad} streams`, (facts) =>
      checkDeath(worker, { reason: "hung", signal: "SIGSTOP", text }, facts),
    );
  }
}

interface Death {
  /** As the metric and the log call it. */
  readonly reason: "signal" | "hung";
  /** Sent to the engine. */
  readonly signal: NodeJS.Signals;
  /** What a job that waited must say, where that is known: on the fake backend. */
  readonly text?: string;
}

/** Every stream in the engine ends with its error, a new engine comes, and who waited runs on that. */
export async function checkDeath(worker: Worker, { reason, signal, text }: Death, facts: Facts): Promise<void> {
  const running = await openRunning(worker, slotsUnderLoad, endless);
  const queue = await openWaiting(worker, waitingJobs, waiting);
  const counted = async (): Promise<number> => (await worker.metrics()).sum("waggle_engine_deaths_total", { reason });
  const before = await counted();
  const from = worker.log.lines.length;
  const dead = worker.enginePid();
  const elapsed = stopwatch();
  process.kill(dead, signal);

  for (const stream of running) await facts.ended("a stream whose engine died", stream, "error engine_failed");
  facts.number("last_error_ms", elapsed());
  const { ready, reason: notReady = "" } = await worker.client.ready();
  facts.expect(ready || notReady !== "", "readyz does not say why it is not ready");
  await checkRestart(worker, from, facts);
  facts.number("ready_again_ms", elapsed());
  facts.expect(!(await isAlive(dead)), "the old engine still lives");
  facts.equal("deaths counted", (await counted()) - before, 1);
  for (const stream of queue) await facts.ended("a job that had waited", stream, "length", text);
}

/** The next engine comes at once, and loads no longer than an engine does. Log lines count from the index `from` on. */
async function checkRestart({ log }: Worker, from: number, facts: Facts): Promise<void> {
  const ready = await log.line("the next engine's readiness", logged("model_ready"), { from, limitMs: loadWaitMs });
  const firstLoadMs = timeBetween(log.lines.find(logged("engine_start")), log.lines.find(logged("model_ready")));
  const loadLimitMs = firstLoadMs * loadFactor + loadSlackMs;
  const lines = log.lines.slice(from);
  const died = lines.find(({ event }) => event === "engine_died");
  const started = lines.find(logged("engine_start"));
  const restartMs = timeBetween(died, started);
  facts.expect(!isOver(restartMs, restartLimitMs), `the next engine was started after ${restartMs} ms`);
  const loadMs = timeBetween(started, ready);
  facts.expect(
    !isOver(loadMs, loadLimitMs),
    `the next engine took ${loadMs} ms to load, and ${loadLimitMs} were allowed`,
  );
}

/** The backend throws in a step; the engine says so and leaves, and the next one works up to the same step. */
async function runBreaking(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`--fake-step-delay 5 --fake-crash-at-step ${crashAtStep}`);
  await stage.check("the backend breaks in a step", async (facts) => {
    const from = worker.log.lines.length;
    const broken = await inference.open(worker, { ...endless, job_id: freshId("broken") });
    await facts.ended("the stream in that step", broken, "error engine_failed");
    await worker.log.line("the next engine's readiness", logged("model_ready"), { from });
    facts.equal("deaths counted", (await worker.metrics()).sum("waggle_engine_deaths_total", { reason: "broken" }), 1);
  });
  await stage.check("the next engine works", async (facts) => {
    const request = { prompt: "Be brief.", seed: 5, max_tokens: crashAtStep / 2 };
    const stream = await inference.open(worker, { ...request, job_id: freshId("after") });
    await facts.ended("an answer", stream, "length", await stage.uncutText(request));
  });
}

async function runCrashLoop(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(
    `--slots 1 --fake-step-delay 20000 --crash-loop-deaths ${crashLoopDeaths}`,
  );
  await stage.check(`${crashLoopDeaths} deaths in a row end in the state failed`, async (facts) => {
    await facts.ended("a job that waits in vain", await crashRepeatedly(worker), "error unavailable");
    for (const probe of ["readyz", "livez", "health"]) {
      const answer = await fetch(`${worker.url}/${probe}`);
      const body = (await answer.json()) as { state?: string; reason?: string };
      facts.equal(`${probe}: status and state`, [answer.status, body.state], [503, "failed"]);
      const { reason = "" } = body;
      facts.expect(reason.includes(`died ${crashLoopDeaths} times`), `${probe} gives the reason "${reason}"`);
    }
    const request = { prompt: "Anyone?", job_id: freshId("refused") };
    const refused = await inference.open(worker, request).catch((error: unknown) => error);
    const status = refused instanceof Error && "status" in refused ? refused.status : String(refused);
    facts.equal("the answer to a new job", status, 503);
  });
  await stage.check("the failed worker stays, and leaves when it is asked to", async (facts) => {
    facts.expect(await isAlive(worker.pid), "the worker is gone");
    worker.signal("SIGTERM");
    facts.equal("exit code", (await exitOf(worker)).code, 0);
  });
}

/**
 * Kills each engine before it has brought anybody further: no step ends before the next death. Resolves with the stream of a job that waited
 * behind the one that had the slot.
 */
async function crashRepeatedly(worker: Worker): Promise<LiveStream> {
  await inference.open(worker, { ...endless, job_id: freshId("crashing") });
  const [behind] = await openWaiting(worker, 1, waiting);
  if (behind === undefined) throw new Error("No job waits");
  for (let death = 1; ; death += 1) {
    const from = worker.log.lines.length;
    process.kill(worker.enginePid(), "SIGKILL");
    if (death === crashLoopDeaths) return behind;
    await worker.log.line("the next engine's readiness", logged("model_ready"), { from });
  }
}
