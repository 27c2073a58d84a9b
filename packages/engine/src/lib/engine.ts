// Owns the engine: commands in, events out, the step loop between them. It knows no process, socket or file, and
// never waits for a reader.
import { WaggleError } from "@waggle/protocol";
import type { Backend } from "./backend.ts";
import type { EngineCommand, EngineEvent, EngineJob, JobEvent } from "./messages.ts";
import { answer } from "./query.ts";
import { createSchedulingPoint, type WaitingJob } from "./scheduling-point.ts";
import { createEmbeddings } from "./embeddings.ts";
import { createOutbox } from "./outbox.ts";
import { createPacing } from "./pacing.ts";
import { createPreparer, failureOf, type PreparedJob } from "./prepare.ts";
import { createSlots, releaseSlot } from "./slots.ts";
import { createStepLoop } from "./step-loop.ts";
import type { ThreadChange } from "./threads.ts";

export interface EngineLimits {
  /**
   * Most prompt tokens in a step while somebody decodes, and a quarter of the most while nobody does. Where absent, the
   * times of real steps decide. A step never exceeds the batch size.
   */
  readonly prefillBudget?: number | undefined;
  /** Most bytes of slot states that the backend keeps for later; 0: none. */
  readonly prefixStoreBytes: number;
  /** Most submitted jobs without a slot, embed jobs included; one more fails with resource_exhausted. */
  readonly maxWaiting: number;
  /** Most checked jobs whose tokens are kept until they are submitted. */
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
  /** Milliseconds on a clock that never goes back. */
  readonly now: () => number;
  /** 32 random bits, for jobs that leave the seed to us. */
  readonly random32: () => number;
  /** Takes an event at once and must not throw. It may give the engine a command. */
  readonly emit: (event: EngineEvent) => void;
  /** Computes with so many threads whatever the passes take; without it the backend's own count is the start. */
  readonly pinnedThreads?: number;
  /** Most threads to try without `pinnedThreads`; the backend's most where absent. */
  readonly maxThreads?: number;
}

export interface Engine {
  /** Takes a command at any time. Running jobs feel it at the next scheduling point between two steps, all else at once. */
  handle(command: EngineCommand): void;
  /**
   * Runs jobs until `shutdown`, or until the backend breaks: then the last event is `broken`. Never rejects; call it
   * once.
   */
  run(): Promise<void>;
  /**
   * To be called now and then: does a part of what can wait, if nothing was computed since the last call.
   * @param freeCores how many cores of the machine nobody but this engine used since then, with fractions: where they are told, more threads
   * are tried only when there is one for them
   */
  maintain(freeCores?: number): void;
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
  /** Jobs whose preflight goes on. */
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
      emit({ type: "log", level: "error", message: `Ignored a submission: job ${jobId} is here already` });
      return;
    }
    const others = waiting.size + embeddings.size;
    if (others >= limits.maxWaiting) {
      const message = `Cannot take the job: ${others} others wait already.`;
      tell({ type: "failed", jobId, code: "resource_exhausted", message });
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
        // It may have been cancelled meanwhile, and even be here again.
        if (waiting.get(job.jobId) !== entry) return;
        waiting.delete(job.jobId);
        tell({ type: "failed", jobId: job.jobId, ...failureOf(thrown) });
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
      const counts = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 };
      tell({ type: "cancelled", jobId, steps: 0, ...counts });
      return;
    }
    if (embeddings.cancel(jobId)) return;
    const slot = slots.find((candidate) => candidate.sequence?.jobId === jobId);
    if (slot === undefined) return;
    loop.wake();
    releaseSlot(slot, { kind: "cancelled", atPass: loop.passes });
  }

  function tell(event: JobEvent): void {
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
    maintain: (freeCores) => loop.maintain(freeCores),
    get busySlots() {
      return slots.filter((slot) => slot.state !== "idle").length;
    },
  };
}

function describeChange({ kind, threads, before }: ThreadChange, tokens: number): Pick<LogEvent, "level" | "message"> {
  const message = `Compute with ${threads} thread${threads === 1 ? "" : "s"} instead of ${before}`;
  switch (kind) {
    case "fell":
      return { level: "info", message: `${message}: passes took many times what they should` };
    case "recovered":
      return { level: "info", message: `${message}: they are faster again` };
    case "chose":
      return { level: "debug", message: `${message} in passes of about ${tokens} tokens: they are faster so` };
  }
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
