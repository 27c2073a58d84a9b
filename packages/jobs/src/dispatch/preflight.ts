// Runs the engine's preflight of a job before acceptance, which checks that the prompt fits and the grammar compiles.
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineJob } from "@waggle/engine";
import { errorOf } from "@waggle/protocol";

/** How long a preflight may delay the acceptance of a job. A gateway gives the same time to the worker that it asks. */
export const preflightTimeoutMs = 80;

/** The prompt's size in tokens; `cachedTokens` of them were in a KV cache at the preflight. */
export interface PromptSize {
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

export interface Preflight {
  /**
   * Resolves with the prompt's size; with undefined if the engine did not answer in time. In that case a fault in the job ends its stream later.
   * @throws WaggleError as from the engine
   */
  ask(job: EngineJob): Promise<PromptSize | undefined>;
  /** Handles the engine's `preflight_ok` and `preflight_failed` events. */
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
        // The engine prepares the rest when it gets the job, and does no work if the client leaves before that.
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
