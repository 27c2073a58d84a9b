// Tests faults that affect streams in every dialect at once: an engine that dies, a worker that shuts down, a full queue, clients that do not read.
import {
  logged,
  poll,
  postWithoutReading,
  RefusedError,
  streamDialects,
  type Facts,
  type StreamDialect,
  type Worker,
} from "@waggle/testing/harness";
import { beforeAll, describe } from "vitest";
import { brief, ended, endless, open, openEach, shows } from "../support/any-dialect.ts";
import { isLong } from "../../support/long.ts";
import { shutDown } from "./leaving.ts";
import { shared, type Stage } from "../support/stage.ts";
import { freshId, inference } from "../support/ways.ts";

/** One slot for the stream of each dialect. */
const slots = `--slots ${streamDialects.length}`;
const longer = "A longer one. [eog:150]";
/** The buffers fill in seconds; on a busy machine in a minute. */
const cutOffLimitMs = 240_000;
/** More tokens than the buffers of two sockets hold. */
const unreadTokens = 200_000;

export function dialectsTogether(stage: Stage): void {
  /** Declares a cell for each dialect. */
  const each: Each = (what, run) => {
    for (const dialect of streamDialects) stage.cell(`${dialect.name}: ${what}`, (facts) => run(dialect, facts));
  };

  describe("when the engine dies", () => {
    const worker = shared(() => stage.startWorker(`${slots} --fake-step-delay 10`));
    const answers = shared(async () => {
      const opened = await openEach(worker(), longer);
      const from = worker().log.lines.length;
      process.kill(worker().enginePid(), "SIGKILL");
      await worker().log.line("the next engine's readiness", logged("model_ready"), { from });
      return opened;
    });
    each("continues on the next engine", (dialect, facts) => ended(answers()(dialect), "end", facts));
    each("served by the next engine", async (dialect, facts) =>
      ended(await open(worker(), dialect, brief), "end", facts),
    );
  });

  if (isLong) othersTogether(stage, each);
}

type Each = (what: string, run: (dialect: StreamDialect, facts: Facts) => Promise<void>) => void;

function othersTogether(stage: Stage, each: Each): void {
  describe("when no engine is started again", () => {
    const worker = shared(() => stage.startWorker(`${slots} --fake-step-delay 10 --crash-loop-deaths 1`));
    const answers = shared(async () => {
      const opened = await openEach(worker(), endless);
      process.kill(worker().enginePid(), "SIGKILL");
      return opened;
    });
    each("ends with an error", (dialect, facts) => ended(answers()(dialect), "error", facts));
  });

  // A drain finishes all streams; an abort, at a second signal, ends them with an error.
  for (const [name, signals, prompt, due, exitCode] of [
    ["drain", 1, longer, "end", 0],
    ["abort", 2, endless, "error", 143],
  ] as const)
    describe(`when the worker shuts down (${name})`, () => {
      const worker = shared(() => stage.startWorker(`${slots} --fake-step-delay 10 --drain-timeout 1h`));
      const answers = shared(() => openEach(worker(), prompt));
      const exit = shared(() => shutDown(worker(), signals));
      stage.cell("the worker exits", async (facts) => {
        facts.equal("exit code", exit().code, exitCode);
        facts.number("gone_ms", exit().ms);
      });
      each(name, (dialect, facts) => ended(answers()(dialect), due, facts));
    });

  describe("while the queue is full", () => {
    const worker = shared(() => stage.startWorker("--slots 1 --queue-capacity 1 --fake-step-delay 10"));
    beforeAll(async () => {
      await inference.open(worker(), { prompt: endless, job_id: freshId("running") });
      await shows(worker(), "decoding", 0);
      await inference.open(worker(), { prompt: endless, job_id: freshId("waiting") });
      await shows(worker(), "decoding", 1);
    });
    each("refused", (dialect, facts) => refused(worker(), dialect, 429, facts));
  });

  // A job that waits for the model can be ended in every dialect.
  describe("while the model loads", () => {
    const flags = "--fake-load-delay 1h --load-timeout 1h --reconnect-grace 0s --retry-grace 0s";
    const worker = shared(() => stage.startWorker(flags, { loading: true }));
    for (const dialect of streamDialects) {
      if (dialect.asksModel) {
        stage.cell(`${dialect.name}: refused`, (facts) => refused(worker(), dialect, 503, facts));
        continue;
      }
      stage.cell(`${dialect.name}: ended in loading by DELETE session`, async (facts) => {
        const sessionId = freshId("session");
        const answer = await open(worker(), dialect, brief, sessionId);
        await worker().client.cancelSession(sessionId);
        await ended(answer, "cut short", facts);
      });
      stage.cell(`${dialect.name}: ended in loading by disconnect`, async (facts) => {
        const from = worker().log.lines.length;
        (await open(worker(), dialect, brief)).leave();
        const cancelled = await worker().log.line("the job's end", logged("stream_cancelled"), { from });
        facts.equal("reason of the cancel", cancelled["reason"], "disconnect");
      });
    }
  });

  stage.cell("clients of every dialect that do not read are disconnected", (facts) => checkSilence(stage, facts));
}

async function refused(worker: Worker, dialect: StreamDialect, due: number, facts: Facts): Promise<void> {
  const refusal = await open(worker, dialect, brief).catch((error: unknown) => error);
  facts.equal("status", refusal instanceof RefusedError ? refusal.status : refusal, due);
}

/** Clients that do not read are disconnected, and their jobs end as after a disconnect. */
async function checkSilence(stage: Stage, facts: Facts): Promise<void> {
  const limits =
    "--replay-buffer 65536 --reader-stall-timeout 500ms --replay-window 0s --answer-window 0s --retry-grace 0s";
  await using worker = await stage.startWorker(`${slots} --context-size ${unreadTokens} ${limits}`);
  const { model } = await worker.client.info();
  const sockets = streamDialects.map(({ path, body }) =>
    postWithoutReading(`${worker.url}${path}`, body({ model, prompt: endless, maxTokens: unreadTokens })),
  );
  try {
    const haveEnded = async (): Promise<boolean> =>
      (await worker.metrics()).sum("waggle_jobs_ended_total") === streamDialects.length;
    await poll("the end of all jobs", haveEnded, cutOffLimitMs);
    const metrics = await worker.metrics();
    facts.equal("disconnected readers", metrics.sum("waggle_readers_cut_off_total"), streamDialects.length);
    const reasons = worker.log.lines.filter(logged("stream_cancelled")).map(({ reason }) => reason);
    facts.equal("reasons of the cancels", new Set(reasons), new Set(["disconnect"]));
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}
