// Owns the faults that strike a stream in every dialect at once: an engine that dies, a worker that leaves, clients that read nothing.
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
import { brief, ended, endless, open, openEach, shows } from "./any-dialect.ts";
import type { Stage } from "./stage.ts";
import { freshId, inference } from "./ways.ts";

/** A stream in each has a slot. */
const slots = `--slots ${streamDialects.length}`;
const longer = "A longer one. [eog:150]";
/** Signals closer together count as one. */
const betweenSignalsMs = 350;
const cutOffLimitMs = 60_000;
/** More than the buffers between two sockets hold. */
const unreadTokens = 200_000;

/** Every stream continues under the next engine, which serves every dialect. */
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

/** Every stream ends with its error where no engine comes back. */
export async function runDialectsGivenUp(stage: Stage): Promise<void> {
  await using worker = await stage.startWorker(`${slots} --fake-step-delay 10 --crash-loop-deaths 1`);
  const answers = await openEach(worker, endless);
  process.kill(worker.enginePid(), "SIGKILL");
  for (const [{ name }, answer] of answers)
    await stage.check(`${name}: no engine comes back`, (facts) => ended(answer, "error", facts));
}

/** A drain finishes what runs; an abort, at a second signal, tells everybody. */
export async function runDialectsLeaving(stage: Stage, name: "drain" | "abort"): Promise<void> {
  const [prompt, due, exitCode] = name === "drain" ? ([longer, "end", 0] as const) : ([endless, "error", 143] as const);
  await using worker = await stage.startWorker(`${slots} --fake-step-delay 10 --drain-timeout 1h`);
  const answers = await openEach(worker, prompt);
  await stage.check(`the worker leaves (${name}), with a stream in every dialect`, async (facts) => {
    await stage.leftovers.observe([worker.pid]);
    const exited = exitOf(worker);
    worker.signal("SIGTERM");
    if (name === "abort") {
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

/** No client waits in vain: a request without a place is refused at once. */
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
  facts.equal("its status", refusal instanceof RefusedError ? refusal.status : refusal, due);
}

/** Who waits for the model is ended as everybody else. */
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
    await stage.check(`${dialect.name}: loading by DELETE session`, async (facts) => {
      const sessionId = freshId("session");
      const answer = await open(worker, dialect, brief, sessionId);
      await worker.client.cancelSession(sessionId);
      await ended(answer, "cut short", facts);
    });
    await stage.check(`${dialect.name}: loading by disconnect`, async (facts) => {
      const from = worker.log.lines.length;
      (await open(worker, dialect, brief)).leave();
      const cancelled = await worker.log.line("the job's end", logged("stream_cancelled"), { from });
      facts.equal("why its job ended", cancelled["reason"], "disconnect");
    });
  }
}

/** Each is cut off, and its job ends as if its client had gone. */
export async function runDialectsSilence(stage: Stage): Promise<void> {
  const limits =
    "--replay-buffer 65536 --reader-stall-timeout 500ms --replay-window 0s --answer-window 0s --retry-grace 0s";
  await using worker = await stage.startWorker(`${slots} --context-size ${unreadTokens} ${limits}`);
  const name = "clients of every dialect that read nothing are cut off";
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
        facts.equal("readers cut off", metrics.sum("waggle_readers_cut_off_total"), streamDialects.length);
        const reasons = worker.log.lines.filter(logged("stream_cancelled")).map(({ reason }) => reason);
        facts.equal("why their jobs ended", new Set(reasons), new Set(["disconnect"]));
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    },
    cutOffLimitMs,
  );
}
