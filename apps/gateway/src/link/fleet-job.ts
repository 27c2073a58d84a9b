// Owns how one sequence of a job becomes a job of the fleet: without what its gateway decides. Pure.
import { fleetVersion } from "@waggle/fleet";
import type { FleetJob } from "@waggle/fleet";
import type { Job, JobSpec, SequenceState } from "@waggle/jobs";

export interface FleetJobOptions {
  readonly gateway: string;
  readonly onWorkerLoss: FleetJob["onWorkerLoss"];
  /** How long it goes on without a gateway that reads it, where its client has asked for nothing else. */
  readonly orphanMs: number;
}

/** @param id the sequence's name in the fleet */
export function fleetJobOf(
  id: string,
  job: Pick<Job, "id" | "spec">,
  { choice }: Pick<SequenceState, "choice">,
  { gateway, onWorkerLoss, orphanMs }: FleetJobOptions,
): FleetJob {
  const { spec } = job;
  const asked = spec.kind === "generate" ? spec.onEngineLoss : undefined;
  return {
    version: fleetVersion,
    id,
    gateway,
    clientJob: { client: spec.scope.client, id: job.id },
    model: spec.model,
    spec: specOf(spec, id, choice),
    onWorkerLoss: asked === "error" ? "error" : onWorkerLoss,
    orphanMs: spec.onDisconnect === "continue" ? null : orphanMs,
  };
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
