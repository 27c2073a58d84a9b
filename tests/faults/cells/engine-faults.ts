// Tests engines that are killed, stopped, fail in a step, or die again and again. tests/timed/lifecycle tests that no engine outlives its worker.
import { exitOf, isAlive, logged, stopwatch, type Facts, type Worker } from "@waggle/testing/harness";
import { isLong, rowsOfKind } from "../../support/long.ts";
import type { Stage } from "../support/stage.ts";
import { freshId, inference, openRunning, openWaiting } from "../support/ways.ts";

/** Streams that run when the engine dies: one in each slot. */
export const slotsUnderLoad = 8;
const waitingJobs = 4;
const waiting = { prompt: "I wait for an engine.", seed: 1, max_tokens: 20 };
const endless = { prompt: "Continue for ever.", ignore_eos: true, on_engine_loss: "error" } as const;
const loadWaitMs = 120_000;
/** On a busy machine, an engine may wait seconds for a core. */
const watchdogMs = 8_000;
const crashLoopDeaths = 3;
const crashAtStep = 40;
const longRounds = 20;

const deaths = [
  { reason: "signal", signal: "SIGKILL", name: "kill -9" },
  { reason: "hung", signal: "SIGSTOP", name: "SIGSTOP" },
] as const;

export function engineFaults(stage: Stage): void {
  for (const { name, ...death } of rowsOfKind(deaths)) {
    const run = async (facts: Facts): Promise<void> => {
      // A new worker for each round: after several deaths, a worker delays the start of the next engine more and more.
      const flags = `--slots ${slotsUnderLoad} --fake-step-delay 10 --watchdog-timeout ${watchdogMs}ms`;
      await using worker = await stage.startWorker(flags);
      await checkDeath(worker, { ...death, text: await stage.uncutText(waiting) }, facts);
    };
    stage.cell(`${name} of the engine under ${slotsUnderLoad} streams`, run, longRounds);
  }
  if (!isLong) return;
  stage.cell("the backend throws in a step", (facts) => checkBroken(stage, facts));
  stage.cell(`${crashLoopDeaths} deaths in a row end in the state failed`, (facts) => checkCrashLoop(stage, facts));
}

interface Death {
  /** Cause of death, as in the metric and the log. */
  readonly reason: "signal" | "hung";
  /** Signal that the engine gets. */
  readonly signal: NodeJS.Signals;
  /** Text that a waiting job must have in the end; known on the fake backend only. */
  readonly text?: string;
}

/** Checks that every running stream ends with an error, that a new engine starts, and that it runs the waiting jobs. */
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
  facts.expect(ready || notReady !== "", "/readyz gives no reason for not being ready");
  await worker.log.line("the next engine's readiness", logged("model_ready"), { from, limitMs: loadWaitMs });
  facts.number("ready_again_ms", elapsed());
  facts.expect(!(await isAlive(dead)), "the old engine still runs");
  facts.equal("deaths counted", (await counted()) - before, 1);
  for (const stream of queue) await facts.ended("a job from the queue", stream, "length", text);
}

/** The backend throws in a step: the engine reports that and exits. The next engine works, up to the same step. */
async function checkBroken(stage: Stage, facts: Facts): Promise<void> {
  await using worker = await stage.startWorker(`--fake-step-delay 5 --fake-crash-at-step ${crashAtStep}`);
  const from = worker.log.lines.length;
  const broken = await inference.open(worker, { ...endless, job_id: freshId("broken") });
  await facts.ended("the stream in that step", broken, "error engine_failed");
  await worker.log.line("the next engine's readiness", logged("model_ready"), { from });
  facts.equal("deaths counted", (await worker.metrics()).sum("waggle_engine_deaths_total", { reason: "broken" }), 1);
  const request = { prompt: "Be brief.", seed: 5, max_tokens: crashAtStep / 2 };
  const stream = await inference.open(worker, { ...request, job_id: freshId("after") });
  await facts.ended("an answer of the next engine", stream, "length", await stage.uncutText(request));
}

/** The failed worker refuses jobs, and keeps running until SIGTERM. */
async function checkCrashLoop(stage: Stage, facts: Facts): Promise<void> {
  const flags = `--slots 1 --fake-crash-at-step 1 --crash-loop-deaths ${crashLoopDeaths}`;
  await using worker = await stage.startWorker(flags);
  // One job after the other: a death while another job is prepared does not count.
  for (const [job, end] of [
    ["crashing", "error engine_failed"],
    ["last", "error unavailable"],
  ] as const) {
    const stream = await inference.open(worker, { ...waiting, job_id: freshId(job) });
    await facts.ended(`the ${job} job`, stream, end);
  }
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
  facts.expect(await isAlive(worker.pid), "the worker has exited");
  worker.signal("SIGTERM");
  facts.equal("exit code", (await exitOf(worker)).code, 0);
}
