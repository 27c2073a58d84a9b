// Owns the prepared work of jobs between the commands `prepare` and `start`: what is being prepared, and what is kept, bounded in bytes.
import type { EngineJob } from "../port/messages.ts";
import { countChars, type PreparedJob, type Preparer } from "./prepare.ts";

/** A number takes eight bytes, and a character at most two. */
const bytesPerNumber = 8;
const bytesPerChar = 2;

export interface PreparationsOptions {
  readonly preparer: Preparer;
  /** Maximum number of bytes of everything that is kept. */
  readonly maxBytes: number;
  /** Begins the choices that have started and wait for this work. Returns false if no choice waits: then the work is kept. */
  readonly begin: (prepared: PreparedJob) => boolean;
  /** Called for prepared work that has not started. */
  readonly onPrepared: (prepared: PreparedJob) => void;
  readonly onFailed: (jobId: string, thrown: unknown) => void;
}

export interface Preparations {
  /** Prepares the job's work, and keeps the result until `take` or `drop`. Work is not kept if it would exceed the limit. */
  prepare(job: EngineJob): void;
  /** Whether the work is being prepared. */
  isUnderway(jobId: string): boolean;
  /** Returns prepared work, and keeps it no longer. */
  take(jobId: string): PreparedJob | undefined;
  /** Forgets prepared work, or stops preparing it. */
  drop(jobId: string): void;
  /** Stops all preparing: no callback follows. */
  stop(): void;
  /** Number of jobs whose work is kept or being prepared. */
  readonly size: number;
}

export function createPreparations(options: PreparationsOptions): Preparations {
  const { preparer, maxBytes } = options;
  const underway = new Map<string, AbortController>();
  const kept = new Map<string, { readonly prepared: PreparedJob; readonly bytes: number }>();
  let keptBytes = 0;

  function keep(prepared: PreparedJob): void {
    const bytes = bytesOf(prepared);
    // The work that was prepared first starts first, so the newest is not kept: its `start` prepares it again.
    if (keptBytes + bytes > maxBytes) return;
    kept.set(prepared.job.jobId, { prepared, bytes });
    keptBytes += bytes;
  }

  function take(jobId: string): PreparedJob | undefined {
    const found = kept.get(jobId);
    kept.delete(jobId);
    keptBytes -= found?.bytes ?? 0;
    return found?.prepared;
  }

  function drop(jobId: string): void {
    take(jobId);
    underway.get(jobId)?.abort();
    underway.delete(jobId);
  }

  return {
    prepare(job) {
      const { jobId } = job;
      drop(jobId);
      const leaving = new AbortController();
      underway.set(jobId, leaving);
      /** Whether the result is still wanted. */
      const left = (): boolean => underway.get(jobId) === leaving && underway.delete(jobId);
      void preparer.prepare(job, leaving.signal).then(
        (prepared) => {
          if (!left() || options.begin(prepared)) return;
          keep(prepared);
          options.onPrepared(prepared);
        },
        (thrown: unknown) => {
          if (left()) options.onFailed(jobId, thrown);
        },
      );
    },
    isUnderway: (jobId) => underway.has(jobId),
    take,
    drop,
    stop() {
      for (const leaving of underway.values()) leaving.abort();
      underway.clear();
    },
    get size() {
      return underway.size + kept.size;
    },
  };
}

function bytesOf(prepared: PreparedJob): number {
  const tokens = prepared.kind === "generate" ? prepared.prompt.length : 0;
  const { work, prior } = prepared.job;
  // A number of the request counts as four characters, which have as many bytes.
  const chars = countChars([work, prior], Infinity, bytesPerNumber / bytesPerChar);
  return bytesPerNumber * tokens + bytesPerChar * chars;
}
