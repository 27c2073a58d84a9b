// Asks the engine for the preflight of a job before its acceptance: does the prompt fit, and does the grammar compile?
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineJob } from "@waggle/engine";
import { errorOf } from "@waggle/protocol";

/** Longest time that a preflight delays the acceptance of a job, at a worker and at a gateway. */
export const preflightTimeoutMs = 80;

export interface PromptSize {
  readonly promptTokens: number;
  /** Number of prompt tokens that were in a KV cache at the preflight. */
  readonly cachedTokens: number;
}

export interface Preflight {
  /**
   * Resolves with the prompt's size, or with undefined if the engine does not answer in time: an error in the job then ends its stream later.
   * @throws WaggleError as from the engine
   */
  ask(job: EngineJob): Promise<PromptSize | undefined>;
  answer(event: Extract<EngineEvent, { type: "preflight_ok" | "preflight_failed" }>): void;
  /** Called when the engine can no longer answer: resolves all waits with undefined. */
  abandon(): void;
}

export interface PreflightOptions {
  readonly send: (command: EngineCommand) => void;
  readonly clock: Clock;
  readonly timeoutMs: number;
}

export function createPreflight({ send, clock, timeoutMs }: PreflightOptions): Preflight {
  const waiting = new Map<string, Deferred<PromptSize | undefined>>();
  return {
    async ask(job) {
      const answered = deferred<PromptSize | undefined>();
      waiting.set(job.jobId, answered);
      const timer = clock.setTimeout(() => {
        answered.resolve(undefined);
        // The engine prepares the job at its submission. If the client disconnects before the submission, the engine has no further work.
        send({ type: "end_preflight", jobId: job.jobId });
      }, timeoutMs);
      send({ type: "preflight", job });
      try {
        return await answered.promise;
      } finally {
        timer.cancel();
        waiting.delete(job.jobId);
      }
    },
    answer(event) {
      const answered = waiting.get(event.jobId);
      if (answered === undefined) return;
      if (event.type === "preflight_ok") {
        const { promptTokens, cachedTokens } = event;
        return answered.resolve({ promptTokens, cachedTokens });
      }
      answered.reject(errorOf(event.failure));
    },
    abandon() {
      for (const answered of waiting.values()) answered.resolve(undefined);
    },
  };
}
