// Owns the prepared work of jobs between `prepare` and `start`: what is being prepared, and what is kept, bounded in bytes.
import { createHoldings } from "@waggle/async";
import type { EngineJob } from "../port/messages.ts";
import { bytesPerChar, countChars } from "../port/prompt-length.ts";
import { turnOf } from "./piece-queue.ts";
import type { PreparedJob } from "./prepare.ts";

const bytesPerNumber = 8;

export interface PreparationsOptions {
  readonly prepare: (job: EngineJob, signal: AbortSignal) => Promise<PreparedJob>;
  /** Maximum number of bytes of everything that is kept. Beyond it, the client with the most bytes loses its newest work. */
  readonly maxBytes: number;
  /** Begins the choices that have started and wait for this work. Returns false if no choice waits: then the work is kept. */
  readonly begin: (prepared: PreparedJob) => boolean;
  readonly onPrepared: (prepared: PreparedJob) => void;
  readonly onFailed: (jobId: string, thrown: unknown) => void;
}

export interface Preparations {
  /** Prepares the job's work, and keeps the result until `take` or `drop`, or until the limit is exceeded. */
  prepare(job: EngineJob): void;
  /** Whether the work is being prepared, or kept. */
  has(jobId: string): boolean;
  /** Returns prepared work, and keeps it no longer. */
  take(jobId: string): PreparedJob | undefined;
  /** Forgets prepared work, or stops preparing it: no callback follows. */
  drop(jobId: string): void;
  /** Drops everything. */
  stop(): void;
  /** Number of jobs whose work is kept or being prepared. */
  readonly size: number;
}

interface Preparation {
  /** Aborts when the work is dropped. */
  readonly leaving: AbortController;
  /** Undefined while the work is being prepared. */
  readonly prepared?: PreparedJob;
}

export function createPreparations({
  prepare,
  maxBytes,
  begin,
  onPrepared,
  onFailed,
}: PreparationsOptions): Preparations {
  const all = new Map<string, Preparation>();
  /** The ids of kept work. */
  const held = createHoldings<string>();

  function drop(jobId: string): void {
    all.get(jobId)?.leaving.abort();
    all.delete(jobId);
    held.remove(jobId);
  }

  function keep(prepared: PreparedJob, leaving: AbortController): void {
    const { jobId } = prepared.job;
    all.set(jobId, { leaving, prepared });
    held.set(turnOf(prepared.job), jobId, preparedJobBytes(prepared));
    while (held.size > maxBytes) {
      // The work that was prepared first starts first, so the newest goes: its `start` prepares it again.
      const newest = [...held.ofLargest].at(-1);
      if (newest !== undefined) drop(newest);
    }
  }

  return {
    prepare(job) {
      const { jobId } = job;
      drop(jobId);
      const leaving = new AbortController();
      all.set(jobId, { leaving });
      void prepare(job, leaving.signal).then(
        (prepared) => {
          if (leaving.signal.aborted) return;
          all.delete(jobId);
          onPrepared(prepared);
          if (!begin(prepared)) keep(prepared, leaving);
        },
        (thrown: unknown) => {
          if (leaving.signal.aborted) return;
          all.delete(jobId);
          onFailed(jobId, thrown);
        },
      );
    },
    has: (jobId) => all.has(jobId),
    take(jobId) {
      const prepared = all.get(jobId)?.prepared;
      if (prepared !== undefined) {
        all.delete(jobId);
        held.remove(jobId);
      }
      return prepared;
    },
    drop,
    stop() {
      for (const jobId of all.keys()) drop(jobId);
    },
    get size() {
      return all.size;
    },
  };
}

function preparedJobBytes(prepared: PreparedJob): number {
  const tokens = prepared.kind === "embed" ? 0 : prepared.promptTokens;
  const { work, prior } = prepared.job;
  // A number of the request counts as four characters, which have as many bytes.
  const chars = countChars([work, prior], Infinity, bytesPerNumber / bytesPerChar);
  return bytesPerNumber * tokens + bytesPerChar * chars;
}
