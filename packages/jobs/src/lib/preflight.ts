// Owns what the engine is asked about a job before it is accepted: does the prompt fit, does the grammar compile?
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineJob } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

/** In tokens; `cachedTokens` of them were in a KV cache when the engine was asked. */
export interface PromptSize {
  readonly promptTokens: number;
  readonly cachedTokens: number;
}

export interface Preflight {
  /**
   * Resolves with what the engine found where it found nothing wrong, and with undefined when it did not answer in time: then the same fault
   * ends the job's stream instead.
   * @throws WaggleError as the engine put it
   */
  ask(job: EngineJob): Promise<PromptSize | undefined>;
  /** Takes `preflight_ok` and `preflight_failed`. */
  answer(event: Extract<EngineEvent, { type: "preflight_ok" | "preflight_failed" }>): void;
  /** Nobody will answer any more: whoever waits goes on. */
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
        // What the engine has not begun of it by now is done when the job's turn comes, and not at all if its client leaves before.
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
      const { code, message, details } = event.failure;
      answered.reject(new WaggleError(code, message, details === undefined ? {} : { details }));
    },
    abandon() {
      for (const answered of waiting.values()) answered.resolve(undefined);
    },
  };
}
