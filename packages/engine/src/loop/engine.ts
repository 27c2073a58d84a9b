// Runs the engine: commands in, events out, the step loop between them. The engine knows no process, socket or file, and
// never waits for a reader.
import { WaggleError } from "@waggle/protocol";
import type { Backend } from "../port/backend.ts";
import { noTotals, type EngineCommand, type EngineEvent, type EngineJob, type JobEvent } from "../port/messages.ts";
import { answer } from "../sequence/query.ts";
import { createSchedulingPoint, type WaitingJob } from "./scheduling-point.ts";
import { createEmbeddings } from "../texts/embeddings.ts";
import { createOutbox } from "./outbox.ts";
import { createPacing } from "../costs/pacing.ts";
import { createPreparer, failureOf, type PreparedJob } from "../sequence/prepare.ts";
import { createSlots, releaseSlot } from "./slots.ts";
import { createStepLoop, type StepLoop } from "./step-loop.ts";
import type { ThreadChange } from "../costs/threads.ts";

export interface EngineLimits {
  /**
   * Most prompt tokens in a step while a slot decodes; while no slot decodes, four times as many. Without this limit, the
   * measured times of steps decide. A step never exceeds the batch size.
   */
  readonly prefillBudget?: number | undefined;
  /** Maximum number of bytes of KV snapshots; 0 turns snapshots off. */
  readonly prefixStoreBytes: number;
  /** Maximum number of submitted jobs without a slot, including embed and rerank jobs; a further job fails with resource_exhausted. */
  readonly maxWaiting: number;
  /** Maximum number of jobs whose preflight result is kept until they are submitted. */
  readonly maxPrepared: number;
}

export const defaultEngineLimits: EngineLimits = {
  prefixStoreBytes: 2 ** 30,
  maxWaiting: 64,
  maxPrepared: 64,
};

type LogEvent = Extract<EngineEvent, { type: "log" }>;

export interface EngineOptions {
  readonly backend: Backend;
  readonly limits: EngineLimits;
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number;
  /** 32 random bits, for jobs with the seed -1. */
  readonly random32: () => number;
  /** Receives each event synchronously and must not throw. It may call the engine with a command. */
  readonly emit: (event: EngineEvent) => void;
  /** A fixed number of threads; by default the engine begins with the backend's number and adapts it. */
  readonly pinnedThreads?: number;
  /** Maximum number of threads to try when `pinnedThreads` is absent; by default the backend's maximum. */
  readonly maxThreads?: number;
}

export interface Engine {
  /** Accepts a command at any time. For running jobs the command takes effect at the next scheduling point, otherwise at once. */
  handle(command: EngineCommand): void;
  /** Runs jobs until `shutdown`, or until the backend breaks; in that case the last event is `broken`. Never rejects. Call it once. */
  run(): Promise<void>;
  readonly maintain: StepLoop["maintain"];
  /** Slots that are not idle. */
  readonly busySlots: number;
}

/** @throws Error when the backend's batch cannot hold one token of each slot */
export function createEngine(options: EngineOptions): Engine {
  const { backend, limits, emit } = options;
  const { batchSize, slots: slotCount } = backend.info;
  if (batchSize < slotCount) {
    throw new Error(`Cannot run ${slotCount} slots: a step carries ${batchSize} tokens at most`);
  }
  const slots = createSlots(slotCount);
  const waiting = new Map<string, WaitingJob>();
  const outbox = createOutbox(slots, emit);
  const preparer = createPreparer({ backend, maxPrepared: limits.maxPrepared, random32: options.random32 });
  const embeddings = createEmbeddings({
    embedder: backend.embedder,
    outbox,
    emit,
    now: options.now,
    wake: () => loop.wake(),
  });
  const { pinnedThreads, maxThreads = Infinity } = options;
  const pacing = createPacing({
    batchSize,
    threads: {
      start: pinnedThreads ?? backend.info.threads,
      max: Math.min(maxThreads, backend.info.maxThreads),
      pinned: pinnedThreads !== undefined,
    },
    prefillBudget: limits.prefillBudget,
  });
  const schedulingPoint = createSchedulingPoint({
    backend,
    slots,
    embeddings,
    waiting,
    prefixStoreBytes: limits.prefixStoreBytes,
    tokenMs: (tokens) => pacing.tokenMs(tokens),
    outbox,
    emit,
    now: options.now,
  });
  const loop = createStepLoop({
    backend,
    slots,
    schedulingPoint,
    embeddings,
    pacing,
    outbox,
    now: options.now,
    onThreadChange: (change, tokens) => emit({ type: "log", ...describeChange(change, tokens) }),
  });
  /** Jobs whose preflight is running. */
  const checking = new Map<string, AbortController>();
  let over = false;

  function check(job: EngineJob): void {
    const leaving = new AbortController();
    checking.get(job.jobId)?.abort();
    checking.set(job.jobId, leaving);
    prepare(
      job,
      leaving,
      (prepared) => {
        preparer.keep(prepared);
        const cachedTokens = prepared.kind === "generate" ? schedulingPoint.cachedTokens(prepared) : 0;
        emit({ type: "preflight_ok", jobId: job.jobId, promptTokens: prepared.promptTokens, cachedTokens });
      },
      (thrown) => emit({ type: "preflight_failed", jobId: job.jobId, failure: failureOf(thrown) }),
    );
  }

  function submit(job: EngineJob): void {
    const { jobId } = job;
    if (waiting.has(jobId) || embeddings.has(jobId) || slots.some((slot) => slot.sequence?.jobId === jobId)) {
      emit({ type: "log", level: "error", message: `Ignored a submission: the engine already has job ${jobId}` });
      return;
    }
    const others = waiting.size + embeddings.size;
    if (others >= limits.maxWaiting) {
      const message = `Cannot accept the job: ${others} jobs are waiting already.`;
      sendNow({ type: "failed", jobId, code: "resource_exhausted", message });
      return;
    }
    checking.get(jobId)?.abort();
    const entry: WaitingJob = { prepared: preparer.take(job), leaving: new AbortController() };
    waiting.set(jobId, entry);
    if (entry.prepared !== undefined) loop.wake();
    else prepareWaiting(job, entry);
  }

  function prepareWaiting(job: EngineJob, entry: WaitingJob): void {
    prepare(
      job,
      entry.leaving,
      (prepared) => {
        entry.prepared = prepared;
        loop.wake();
      },
      (thrown) => {
        // The job may have been cancelled during the preparation, or cancelled and submitted again.
        if (waiting.get(job.jobId) !== entry) return;
        waiting.delete(job.jobId);
        sendNow({ type: "failed", jobId: job.jobId, ...failureOf(thrown) });
      },
    );
  }

  function prepare(
    job: EngineJob,
    leaving: AbortController,
    done: (prepared: PreparedJob) => void,
    refused: (thrown: unknown) => void,
  ): void {
    const finished = (): void => {
      if (checking.get(job.jobId) === leaving) checking.delete(job.jobId);
    };
    void preparer.prepare(job, leaving.signal).then(
      (prepared) => {
        finished();
        if (!over) done(prepared);
      },
      (thrown: unknown) => {
        finished();
        if (over) return;
        if (!(thrown instanceof WaggleError)) {
          emit({ type: "log", level: "error", message: `Cannot prepare job ${job.jobId}: ${messageOf(thrown)}` });
        }
        refused(thrown);
      },
    );
  }

  function cancel(jobId: string): void {
    const entry = waiting.get(jobId);
    if (entry !== undefined) {
      waiting.delete(jobId);
      entry.leaving.abort();
      sendNow({ type: "cancelled", jobId, steps: 0, ...noTotals });
      return;
    }
    if (embeddings.cancel(jobId)) return;
    const slot = slots.find((candidate) => candidate.sequence?.jobId === jobId);
    if (slot === undefined) return;
    loop.wake();
    releaseSlot(slot, { kind: "cancelled", atPass: loop.passes });
  }

  function sendNow(event: JobEvent): void {
    outbox.add(event);
    outbox.flush();
  }

  return {
    handle(command) {
      if (over) return;
      switch (command.type) {
        case "preflight":
          return check(command.job);
        case "end_preflight":
          return checking.get(command.jobId)?.abort();
        case "submit":
          return submit(command.job);
        case "cancel":
          return cancel(command.jobId);
        case "query":
          void answer(backend, command.question).then((reply) => {
            if (!over) emit({ type: "query_result", id: command.id, answer: reply });
          });
          return;
        case "limit_threads":
          return pacing.limitThreads(command.threads);
        case "shutdown":
          return loop.leave();
      }
    },
    async run() {
      try {
        await loop.run();
      } catch (thrown) {
        outbox.flush();
        emit({ type: "broken", message: messageOf(thrown) });
      } finally {
        over = true;
      }
    },
    maintain: loop.maintain,
    get busySlots() {
      return slots.filter((slot) => slot.state !== "idle").length;
    },
  };
}

function describeChange({ kind, threads, before }: ThreadChange, tokens: number): Pick<LogEvent, "level" | "message"> {
  const change = `${threads} (was ${before})`;
  switch (kind) {
    case "fell":
      return { level: "info", message: `Threads: ${change}, passes took many times longer than expected` };
    case "recovered":
      return { level: "info", message: `Threads: ${change}, measured faster again` };
    case "chose":
      return { level: "debug", message: `Threads for batches of about ${tokens} tokens: ${change}, measured faster` };
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
