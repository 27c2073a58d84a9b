// Owns the progress of a prompt in llama-server's shape: a report at the start, with the cached tokens; reports during the prefill; and a report for
// the whole prompt.
import type { PromptProgressReport, StartedEvent, StreamEvent } from "@waggle/protocol";

/** Takes the events of one stream, in order. Returns a report only if `processed` has grown. */
export type PromptProgressReporter = (event: StreamEvent) => PromptProgressReport | undefined;

export function createPromptProgressReporter(): PromptProgressReporter {
  let started: StartedEvent | undefined;
  let reported = -1;

  function report(processed: number, timeMs: number): PromptProgressReport | undefined {
    if (started === undefined || processed <= reported) return undefined;
    reported = processed;
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
        // For an answer without tokens. The prompt of a cancelled job may be incomplete.
        return event.finish_reason === "cancelled"
          ? undefined
          : report(started?.prompt_tokens ?? 0, event.timings.prefill_ms);
      case "queued":
      case "tool_call":
      case "tool_result":
      case "error":
        return undefined;
    }
  };
}
