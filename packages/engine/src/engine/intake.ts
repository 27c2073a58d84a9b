// Owns jobs between their arrival and their slot: their work is prepared, and their started choices wait for it and then for a slot.
import { WaggleError } from "@waggle/protocol";
import type { Backend } from "../port/backend.ts";
import { noTotals } from "../port/messages.ts";
import type { EngineCommand, EngineEvent, EngineJob, JobEvent, StartedChoice } from "../port/messages.ts";
import type { WaitingJob } from "../schedule/admit.ts";
import { thrownMessage } from "../sequence/fail-job.ts";
import { turnOf, type PieceQueue } from "../sequence/piece-queue.ts";
import { createPreparations } from "../sequence/preparations.ts";
import { choiceOf, createPreparer, failureOf, type PreparedJob, type PreparedSlotJob } from "../sequence/prepare.ts";
import { resume } from "../sequence/resume.ts";
import type { EngineOptions } from "./engine.ts";

/** Enough for 128 prompts of 32,000 tokens with four characters each. */
const preparedBytes = 2 ** 26;

export interface IntakeOptions extends Pick<EngineOptions, "limits" | "random32"> {
  readonly backend: Backend;
  /** The started choices without a slot, by job. */
  readonly waiting: Map<string, WaitingJob>;
  readonly pieces: Pick<PieceQueue, "of">;
  readonly emit: (event: EngineEvent) => void;
  /** Sends these events at once. */
  readonly send: (...events: readonly JobEvent[]) => void;
  readonly cachedTokens: (prepared: PreparedSlotJob) => number;
  /** Number of jobs that wait with their texts. */
  readonly textJobs: () => number;
  /** Whether the job computes, or waits with its texts. */
  readonly isRunning: (jobId: string) => boolean;
  /** Called when choices have their work and wait for slots. */
  readonly onReady: () => void;
}

export interface Intake {
  /** Number of jobs whose work is prepared, or being prepared, and has not started. */
  readonly preparedJobs: number;
  prepare(job: EngineJob): void;
  /** Forgets work that has not started. */
  drop(work: string): void;
  start(command: Extract<EngineCommand, { type: "start" }>): void;
  /** Ends a choice that waits; false for another job. */
  cancel(jobId: string): boolean;
  stop(): void;
}

export function createIntake(options: IntakeOptions): Intake {
  const { backend, waiting, pieces, limits, emit, send } = options;
  const prepare = createPreparer({ backend, random32: options.random32 });
  const preparations = createPreparations({
    async prepare(job, signal) {
      const own = pieces.of(turnOf(job), signal);
      return await resume(await prepare(job, own), backend, own);
    },
    maxBytes: limits.preparedBytes ?? preparedBytes,
    begin,
    onPrepared(prepared) {
      const { jobId } = prepared.job;
      const cachedTokens = prepared.kind !== "embed" ? options.cachedTokens(prepared) : 0;
      emit({ type: "prepared", jobId, promptTokens: prepared.promptTokens, cachedTokens });
    },
    onFailed(jobId, thrown) {
      if (!(thrown instanceof WaggleError)) {
        emit({ type: "log", level: "error", message: `Cannot prepare job ${jobId}: ${thrownMessage(thrown)}` });
      }
      const failure = failureOf(thrown);
      const started = startedOf(jobId);
      for (const [id] of started) waiting.delete(id);
      if (started.length === 0) emit({ type: "prepare_failed", jobId, failure });
      else send(...started.map(([id]) => ({ type: "failed", jobId: id, ...failure }) as const));
    },
  });

  /** The started choices that wait for this work. */
  function startedOf(work: string): [jobId: string, entry: WaitingJob][] {
    return [...waiting].filter(([, entry]) => entry.work === work && entry.prepared === undefined);
  }

  function addWaiting(work: string, { jobId, choice }: StartedChoice): void {
    if (waiting.has(jobId) || options.isRunning(jobId)) {
      emit({ type: "log", level: "error", message: `Ignored a start: the engine already has job ${jobId}` });
      return;
    }
    const others = waiting.size + options.textJobs();
    if (others >= limits.maxWaiting) {
      const message = `Cannot accept the job: ${others} jobs are waiting already.`;
      send({ type: "failed", jobId, code: "resource_exhausted", message });
      return;
    }
    waiting.set(jobId, { work, choice, prepared: undefined });
  }

  /** Gives the prepared work to the choices that have started. Returns whether there are any. */
  function begin(prepared: PreparedJob): boolean {
    const started = startedOf(prepared.job.jobId);
    for (const [jobId, entry] of started) entry.prepared = choiceOf(prepared, { jobId, choice: entry.choice });
    if (started.length > 0) options.onReady();
    return started.length > 0;
  }

  return {
    get preparedJobs() {
      return preparations.size;
    },
    prepare: (job) => preparations.prepare(job),
    drop: (work) => preparations.drop(work),
    start({ prepared: work, choices }) {
      const prepared = preparations.take(work);
      for (const choice of choices) addWaiting(work, choice);
      if (prepared !== undefined) begin(prepared);
      else if (startedOf(work).length === 0) preparations.drop(work);
      else if (!preparations.has(work)) emit({ type: "unprepared", jobId: work });
    },
    cancel(jobId) {
      const entry = waiting.get(jobId);
      if (entry === undefined) return false;
      waiting.delete(jobId);
      // If no other choice waits for the work, the rest of its preparation is skipped.
      if (entry.prepared === undefined && startedOf(entry.work).length === 0) preparations.drop(entry.work);
      send({ type: "cancelled", jobId, steps: 0, ...noTotals });
      return true;
    },
    stop: () => preparations.stop(),
  };
}
