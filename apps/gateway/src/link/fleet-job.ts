// Makes a job of the fleet from one sequence of a job. Pure.
import { workOfChoice } from "@waggle/engine";
import { fleetVersion } from "@waggle/fleet";
import type { FleetJob, GatewayProcessId, StoredPictures } from "@waggle/fleet";
import type { Job, JobSpec, JobTerms, SequenceState } from "@waggle/jobs";
import { withoutPictures } from "../jobs/job-pictures.ts";

export interface FleetJobOptions {
  readonly gateway: GatewayProcessId;
  /** The gateway's `--on-worker-loss`, for requests without `on_worker_loss`. */
  readonly onWorkerLoss: FleetJob["onWorkerLoss"];
  /** How long a client may take to come back: to read the job's stream, or to send its request again. */
  readonly reconnectGraceMs: number;
  readonly retryGraceMs: number;
}

/** @param id the sequence's id in the fleet @param options `pictures`: the names of the job's pictures */
export function fleetJobOf(
  id: string,
  job: Pick<Job, "id" | "spec">,
  { choice }: Pick<SequenceState, "choice">,
  options: FleetJobOptions & { readonly pictures: StoredPictures | undefined },
): FleetJob {
  const { spec } = job;
  return {
    version: fleetVersion,
    id,
    gateway: options.gateway,
    clientJob: { client: spec.who.client, id: job.id },
    model: spec.model,
    spec: specOf(withoutPictures(spec), id, choice),
    pictures: options.pictures,
    onWorkerLoss: spec.when.onWorkerLoss ?? options.onWorkerLoss,
    orphanMs: orphanMsOf(spec.when, options),
  };
}

/** How long a worker continues the job without a gateway: as long as the gateway waits for readers. Null: without limit. */
function orphanMsOf({ onDisconnect, direct, resumable, retriable }: JobTerms, options: FleetJobOptions): number | null {
  if (onDisconnect === "continue") return null;
  if (!direct || resumable === true) return options.reconnectGraceMs;
  return retriable === true ? options.retryGraceMs : 0;
}

/** The gateway handles deadlines, readers and the order of a session's jobs. */
function specOf({ model, who, when, work }: JobSpec, id: string, choice: number): JobSpec {
  const { priority, onEngineLoss } = when;
  return {
    id,
    model,
    who: { client: who.client, trace: who.trace, cacheSession: who.sessionId, batch: who.batch },
    when: { priority, onEngineLoss, onDisconnect: "continue", direct: false },
    work: workOfChoice(work, choice),
  };
}
