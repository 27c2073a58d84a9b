// Owns the engine's faults: killed, stopped, broken, and dying again and again; and the worker's own death, which no engine outlives.
import { exitOf, named, type ChaosWorker } from "./chaos-worker.ts";
import { checkDeath, checkFailed, openRunning, slotsUnderLoad } from "./engine-death.ts";
import type { Facts } from "./facts.ts";
import type { LiveStream } from "./live-stream.ts";
import { isAlive } from "./process-look.ts";
import type { Stage } from "./stage.ts";
import { errorOf, isQueued, isToken } from "./stream-events.ts";
import { poll, stopwatch, waitFor } from "./waits.ts";
import { freshId, inference } from "./ways.ts";

/** A busy machine may keep an engine waiting for a second. */
const watchdogMs = 3_000;
const crashLoopDeaths = 3;
const orphanLimitMs = 3_000;
const crashAtStep = 40;
const roundsLong = 20;

export async function runEngineFaults(stage: Stage): Promise<void> {
  await runDeaths(stage);
  await runBreaking(stage);
  await runCrashLoop(stage);
}

/** An engine that is killed and one that hangs, under eight streams, while more jobs wait. The third death is the worker's own. */
async function runDeaths(stage: Stage): Promise<void> {
  const flags = `--slots ${slotsUnderLoad} --fake-step-delay 10 --watchdog-timeout ${watchdogMs}ms`;
  const textOf = stage.uncutText;
  for (let round = 0; round < (stage.long ? roundsLong : 1); round += 1) {
    // A new worker for each round: one whose engines keep dying starts them later and later.
    await using worker = await stage.startWorker(flags);
    await stage.check(`kill -9 of the engine under ${slotsUnderLoad} streams`, (facts) =>
      checkDeath(worker, { reason: "signal", signal: "SIGKILL", textOf }, facts),
    );
    await stage.check(`SIGSTOP of the engine under ${slotsUnderLoad} streams`, (facts) =>
      checkDeath(worker, { reason: "hung", signal: "SIGSTOP", textOf }, facts),
    );
    await stage.check("kill -9 of the worker leaves no engine", (facts) => checkOrphan(worker, facts));
  }
}

/** Nobody is left to tell the engine: it must notice by itself. */
async function checkOrphan(worker: ChaosWorker, facts: Facts): Promise<void> {
  const engine = worker.enginePid();
  const [stream] = await openRunning(worker, 1);
  const elapsed = stopwatch();
  process.kill(worker.pid, "SIGKILL");
  await poll("the engine to be gone", async () => ((await isAlive(engine)) ? undefined : true), orphanLimitMs);
  facts.number("engine_gone_ms", elapsed());
  const over = await waitFor(
    "the end of a stream whose worker was killed",
    stream?.over ?? Promise.reject(new Error("no stream")),
  );
  facts.equal("how a stream ended", over.how, "broken");
}

/** The backend throws in a step; the engine says so and leaves, and the next one works up to the same step. */
async function runBreaking(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`--fake-step-delay 5 --fake-crash-at-step ${crashAtStep}`);
  await stage.check("the backend breaks in a step", async (facts) => {
    const from = worker.log.lines.length;
    const broken = await inference.open(worker, { prompt: "Go on for ever.", job_id: freshId("broken") });
    await checkFailed(broken, facts);
    await worker.log.line("the next engine to be ready", named("model_ready"), { from });
    facts.equal("deaths counted", (await worker.metrics()).sum("waggle_engine_deaths_total", { reason: "broken" }), 1);
  });
  await stage.check("the next engine works", async (facts) => {
    const request = { prompt: "Be brief.", seed: 5, max_tokens: crashAtStep / 2 };
    const stream = await inference.open(worker, { ...request, job_id: freshId("after") });
    const { how } = await waitFor("the end of an answer", stream.over);
    facts.equal("how it ended, and its text", [how, stream.text], ["complete", await stage.uncutText(request)]);
  });
}

async function runCrashLoop(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`--slots 1 --fake-step-delay 10 --crash-loop-deaths ${crashLoopDeaths}`);
  await stage.check(`${crashLoopDeaths} deaths in a row end in the state failed`, async (facts) => {
    const waiting = await crashRepeatedly(worker);
    const over = await waitFor("the end of a job that waits in vain", waiting.over);
    facts.equal("the error it ended with", errorOf(over.terminal), "unavailable");
    for (const probe of ["readyz", "livez", "health"]) {
      const answer = await fetch(`${worker.url}/${probe}`);
      const body = (await answer.json()) as { state?: string; reason?: string };
      facts.equal(`${probe}: status and state`, [answer.status, body.state], [503, "failed"]);
      facts.expect(/died 3 times/.test(body.reason ?? ""), `${probe} gives the reason "${body.reason ?? ""}"`);
    }
    const refused = await inference
      .open(worker, { prompt: "Anyone?", job_id: freshId("refused") })
      .catch((error: unknown) => error);
    facts.expect(
      refused instanceof Error && "status" in refused && refused.status === 503,
      `a new job was answered with ${String(refused)}`,
    );
  });
  await stage.check("the failed worker stays, and leaves when it is asked to", async (facts) => {
    facts.expect(await isAlive(worker.pid), "the worker is gone");
    worker.signal("SIGTERM");
    facts.equal("exit code", (await exitOf(worker)).code, 0);
  });
}

/** Kills each engine as soon as it decodes; resolves with the stream of a job that waited behind the last one. */
async function crashRepeatedly(worker: ChaosWorker): Promise<LiveStream> {
  let waiting: LiveStream | undefined;
  for (let death = 1; death <= crashLoopDeaths; death += 1) {
    const running = await inference.open(worker, { prompt: "Go on for ever.", job_id: freshId("crashing") });
    await running.event("a token before the crash", isToken);
    if (death === crashLoopDeaths)
      waiting = await inference.open(worker, { prompt: "I wait.", job_id: freshId("waiting") });
    await waiting?.event("a place in the queue", isQueued);
    const from = worker.log.lines.length;
    process.kill(worker.enginePid(), "SIGKILL");
    await waitFor("the end of a stream whose engine died", running.over);
    if (death < crashLoopDeaths) await worker.log.line("the next engine to be ready", named("model_ready"), { from });
  }
  if (waiting === undefined) throw new Error("Nothing waited");
  return waiting;
}
