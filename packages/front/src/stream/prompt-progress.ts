// Owns the progress of a prompt in llama-server's shape: with the slot, where all that is processed was cached; now and then while the prompt is
// computed; and once it is, whole. Names and meanings after llama-server's README (return_progress).
import type { StartedEvent, StreamEvent } from "@waggle/protocol";

export interface PromptProgressReport {
  /** Tokens of the prompt. */
  readonly total: number;
  /** Of them found in the cache. */
  readonly cache: number;
  /** Of them in the cache now, with those that were there before. */
  readonly processed: number;
  /** Milliseconds since the slot was taken. */
  readonly time_ms: number;
}

/** Of one stream: takes its events in order, and answers with what each has to report, if anything. `processed` rises with each. */
export type PromptProgressReporter = (event: StreamEvent) => PromptProgressReport | undefined;

export function createPromptProgressReporter(): PromptProgressReporter {
  let started: StartedEvent | undefined;
  let told = -1;

  function report(processed: number, timeMs: number): PromptProgressReport | undefined {
    if (started === undefined || processed <= told) return undefined;
    told = processed;
    const { prompt_tokens: total, cached_tokens: cache } = started;
    return { total, cache, processed, time_ms: timeMs };
  }

  return (event) => {
    switch (event.type) {
      case "started":
        started = event;
        return report(event.cached_tokens, 0);
      case "status": {
        const { prompt_progress: progress } = event;
        return progress === undefined ? undefined : report(progress.processed, progress.time_ms);
      }
      case "token":
        return report(started?.prompt_tokens ?? 0, event.t_ms);
      case "end":
        // An answer without tokens. A cancelled job may not even have computed its prompt.
        return event.finish_reason === "cancelled"
          ? undefined
          : report(started?.prompt_tokens ?? 0, event.timings.prefill_ms);
      case "queued":
      case "error":
        return undefined;
    }
  };
}
