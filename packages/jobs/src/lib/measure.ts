// Owns which of a job's effects the log and the metrics are told of.
import type { Job } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import type { Effect } from "./reduce.ts";

type Measured = Extract<Effect, { type: `measure_${string}` }>;

export function measure(lifecycle: Lifecycle, job: Job, effect: Measured): void {
  switch (effect.type) {
    case "measure_start":
      return lifecycle.started(job);
    case "measure_resumption":
      return lifecycle.resumed(job);
    case "measure_tokens":
      return lifecycle.tokensCame(job, effect);
    case "measure_cancel":
      return lifecycle.cancelled(effect.steps);
    case "measure_unreadable":
      return lifecycle.unreadable(job, effect.calls);
  }
}
