// Owns what a job's stream says while it runs: from the slot to the last token.
import type { Clock } from "@waggle/async";
import type { JobEvent, LogprobEntry } from "@waggle/engine";
import type { Logprob, StatusEvent } from "@waggle/protocol";
import { transition } from "./job.ts";
import type { Job } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { roundMs, streamKeys } from "./summaries.ts";

export interface Progress {
  status(job: Job, status: StatusEvent["status"]): void;
  started(job: Job, event: Extract<JobEvent, { type: "started" }>): void;
  token(job: Job, choice: number, event: Extract<JobEvent, { type: "token" }>): void;
}

export function createProgress(options: {
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly model: () => string;
}): Progress {
  const { lifecycle, clock, model } = options;

  function status(job: Job, name: StatusEvent["status"]): void {
    lifecycle.status(job, name);
    job.log.append({ type: "status", ...streamKeys(job), status: name });
  }

  return {
    status,
    started(job, event) {
      job.state = transition(job.state, { type: "started", slot: event.slot ?? 0 });
      job.startedAt = clock.now();
      job.counts.promptTokens = event.promptTokens;
      job.counts.cachedTokens = event.cachedTokens;
      lifecycle.started(job);
      status(job, "thinking");
      job.log.append({
        type: "started",
        ...streamKeys(job),
        model: model(),
        prompt_tokens: event.promptTokens,
        cached_tokens: event.cachedTokens,
        queue_ms: roundMs(job.startedAt - job.acceptedAt),
      });
    },
    token(job, choice, event) {
      const { counts } = job;
      if (job.firstTokenAt === undefined) {
        job.firstTokenAt = clock.now();
        job.state = transition(job.state, { type: "first_token" });
        counts.prefillMs = event.tMs;
        lifecycle.firstToken(job, event.n);
      } else {
        lifecycle.nextToken(event.n, Math.max(0, event.tMs - counts.prefillMs - counts.decodeMs));
        counts.decodeMs = Math.max(counts.decodeMs, event.tMs - counts.prefillMs);
      }
      counts.completionTokens += event.n;
      job.log.append({
        type: "token",
        ...streamKeys(job),
        // With several choices their tokens interleave, and the stream counts them all.
        index: job.log.nextToken,
        text: event.text,
        t_ms: event.tMs,
        ...(event.n > 1 ? { n: event.n } : {}),
        ...(job.parts.length > 1 ? { choice } : {}),
        ...(event.logprobs === undefined ? {} : { logprobs: event.logprobs.map(copyLogprob) }),
      });
    },
  };
}

function copyLogprob({ bytes, logprob, top }: LogprobEntry): Logprob {
  return { bytes: [...bytes], logprob, top: top.map((entry) => ({ bytes: [...entry.bytes], logprob: entry.logprob })) };
}
