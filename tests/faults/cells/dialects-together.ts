// Tests faults that affect streams in every dialect at once: an engine that dies, a worker that shuts down, a full queue, clients that do not read.
import { sleep } from "@waggle/async";
import {
  exitOf,
  logged,
  poll,
  postWithoutReading,
  RefusedError,
  streamDialects,
  type Facts,
  type StreamDialect,
  type Worker,
} from "@waggle/testing/harness";
import { brief, ended, endless, open, openEach, shows } from "../support/any-dialect.ts";
import type { Stage } from "../support/stage.ts";
import { freshId, inference } from "../support/ways.ts";

/** One slot for the stream of each dialect. */
const slots = `--slots ${streamDialects.length}`;
const longer = "A longer one. [eog:150]";
/** The worker counts signals within 300 ms as one. */
const betweenSignalsMs = 350;
/** The buffers fill in seconds; on a busy machine in a minute. */
const cutOffLimitMs = 240_000;
/** More tokens than the buffers of two sockets hold. */
const unreadTokens = 200_000;

/** Every stream continues on the next engine, which then serves every dialect. */
export async function runDialectsDeath(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`${slots} --fake-step-delay 10`);
  const answers = await openEach(worker, longer);
  const from = worker.log.lines.length;
  process.kill(worker.enginePid(), "SIGKILL");
  for (const [{ name }, answer] of answers)
    await stage.check(`${name}: its engine dies`, (facts) => ended(answer, "end", facts));
  await worker.log.line("the next engine's readiness", logged("model_ready"), { from });
  for (const dialect of streamDialects) {
    await stage.check(`${dialect.name}: served by the next engine`, async (facts) =>
      ended(await open(worker, dialect, brief), "end", facts),
    );
  }
}

/** Every stream ends with an error when no engine is started again. */
export async function runDialectsGivenUp(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`${slots} --fake-step-delay 10 --crash-loop-deaths 1`);
  const answers = await openEach(worker, endless);
  process.kill(worker.enginePid(), "SIGKILL");
  for (const [{ name }, answer] of answers)
    await stage.check(`${name}: no engine is started again`, (facts) => ended(answer, "error", facts));
}

/** A drain finishes all streams; an abort, at a second signal, ends them with an error. */
export async function runDialectsLeaving(stage: Stage, name: "drain" | "abort"): Promise<void> {
  const [prompt, due, exitCode] = name === "drain" ? ([longer, "end", 0] as const) : ([endless, "error", 143] as const);
  await using worker = await stage.startWorker(`${slots} --fake-step-delay 10 --drain-timeout 1h`);
  const answers = await openEach(worker, prompt);
  await stage.check(`the worker shuts down (${name}), with a stream in every dialect`, async (facts) => {
    await stage.leftovers.observe([worker.pid]);
    const exited = exitOf(worker);
    worker.signal("SIGTERM");
    if (name === "abort") {
      // Once the log shows the drain, the worker has counted the first signal. A slow worker may count it long after it was sent.
      await worker.log.line("the drain", (line) => logged("worker_state")(line) && line["to"] === "draining");
      await sleep(betweenSignalsMs);
      worker.signal("SIGTERM");
    }
    const { code, ms } = await exited;
    facts.equal("exit code", code, exitCode);
    facts.number("gone_ms", ms);
  });
  for (const [dialect, answer] of answers)
    await stage.check(`${dialect.name}: ${name}`, (facts) => ended(answer, due, facts));
}

/** A full queue refuses requests in every dialect at once. */
export async function runDialectsFull(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker("--slots 1 --queue-capacity 1 --fake-step-delay 10");
  const inPlace = [await inference.open(worker, { prompt: endless, job_id: freshId("running") })];
  await shows(worker, "decoding", 0);
  inPlace.push(await inference.open(worker, { prompt: endless, job_id: freshId("waiting") }));
  await shows(worker, "decoding", 1);
  for (const dialect of streamDialects)
    await stage.check(`${dialect.name}: refused by a full queue`, (facts) => refused(worker, dialect, 429, facts));
  for (const stream of inPlace) stream.leave();
}

async function refused(worker: Worker, dialect: StreamDialect, due: number, facts: Facts): Promise<void> {
  const refusal = await open(worker, dialect, brief).catch((error: unknown) => error);
  facts.equal("status", refusal instanceof RefusedError ? refusal.status : refusal, due);
}

/** A job that waits for the model can be ended in every dialect. */
export async function runDialectsLoading(stage: Stage): Promise<void> {
  const flags = "--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s --retry-grace 0s";
  await using worker = await stage.startWorker(flags, { loading: true });
  for (const dialect of streamDialects) {
    if (dialect.asksModel) {
      await stage.check(`${dialect.name}: refused while the model loads`, (facts) =>
        refused(worker, dialect, 503, facts),
      );
      continue;
    }
    await stage.check(`${dialect.name}: ended in loading by DELETE session`, async (facts) => {
      const sessionId = freshId("session");
      const answer = await open(worker, dialect, brief, sessionId);
      await worker.client.cancelSession(sessionId);
      await ended(answer, "cut short", facts);
    });
    await stage.check(`${dialect.name}: ended in loading by disconnect`, async (facts) => {
      const from = worker.log.lines.length;
      (await open(worker, dialect, brief)).leave();
      const cancelled = await worker.log.line("the job's end", logged("stream_cancelled"), { from });
      facts.equal("reason of the cancel", cancelled["reason"], "disconnect");
    });
  }
}

/** Clients that do not read are disconnected, and their jobs end as after a disconnect. */
export async function runDialectsSilence(stage: Stage): Promise<void> {
  const limits =
    "--replay-buffer 65536 --reader-stall-timeout 500ms --replay-window 0s --answer-window 0s --retry-grace 0s";
  await using worker = await stage.startWorker(`${slots} --context-size ${unreadTokens} ${limits}`);
  const name = "clients of every dialect that do not read are disconnected";
  await stage.check(
    name,
    async (facts) => {
      const { model } = await worker.client.info();
      const sockets = streamDialects.map(({ path, body }) =>
        postWithoutReading(`${worker.url}${path}`, body({ model, prompt: endless, maxTokens: unreadTokens })),
      );
      try {
        await poll(
          "the end of all jobs",
          async () => {
            const metrics = await worker.metrics();
            const count = metrics.sum("waggle_jobs_ended_total");
            return count === streamDialects.length;
          },
          cutOffLimitMs,
        );
        const metrics = await worker.metrics();
        facts.equal("disconnected readers", metrics.sum("waggle_readers_cut_off_total"), streamDialects.length);
        const reasons = worker.log.lines.filter(logged("stream_cancelled")).map(({ reason }) => reason);
        facts.equal("reasons of the cancels", new Set(reasons), new Set(["disconnect"]));
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
    cutOffLimitMs,
  );
}
