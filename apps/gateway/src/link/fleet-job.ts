// Owns how one sequence of a job becomes a job of the fleet: without what its gateway decides. Pure.
import { fleetVersion } from "@waggle/fleet";
import type { FleetJob } from "@waggle/fleet";
import type { Job, JobSpec, SequenceState } from "@waggle/jobs";

export interface FleetJobOptions {
  readonly gateway: string;
  /** For jobs that do not say. */
  readonly onWorkerLoss: FleetJob["onWorkerLoss"];
  /** How long a client may take to come back: one that reads the job's stream, and one that sends its request again. */
  readonly reconnectGraceMs: number;
  readonly retryGraceMs: number;
}

/** @param id the sequence's name in the fleet */
export function fleetJobOf(
  id: string,
  job: Pick<Job, "id" | "spec">,
  { choice }: Pick<SequenceState, "choice">,
  options: FleetJobOptions,
): FleetJob {
  const { spec } = job;
  const wanted = spec.kind === "generate" ? spec.onWorkerLoss : undefined;
  return {
    version: fleetVersion,
    id,
    gateway: options.gateway,
    clientJob: { client: spec.scope.client, id: job.id },
    model: spec.model,
    spec: specOf(spec, id, choice),
    onWorkerLoss: wanted ?? options.onWorkerLoss,
    orphanMs: orphanMsOf(spec, options),
  };
}

/** As a gateway does with its own readers. */
function orphanMsOf({ onDisconnect, direct, retriable }: JobSpec, options: FleetJobOptions): number | null {
  if (onDisconnect === "continue") return null;
  if (!direct) return options.reconnectGraceMs;
  return retriable === true ? options.retryGraceMs : 0;
}

/** Its turn, its time and its readers are the gateway's; so is the order of its session, whose KV cache it goes on from. */
function specOf(spec: JobSpec, id: string, choice: number): JobSpec {
  const { keepAliveMs: _, deadlineMs: __, refusedIfLate: ___, retriable: ____, scope, ...rest } = spec;
  const { sessionId, requestDigest: _____, ...owner } = scope;
  const own = {
    id,
    scope: { ...owner, ...(sessionId === undefined ? {} : { cacheSession: sessionId }) },
    onDisconnect: "continue",
    direct: false,
  } as const;
  if (rest.kind !== "generate") return { ...rest, ...own };
  const { sampling } = rest;
  return { ...rest, ...own, choices: 1, sampling: { ...sampling, seed: (sampling.seed + choice) % 2 ** 32 } };
}
