// Converts one sequence of a job to a job of the fleet, without the fields that only the gateway uses. Pure.
import { fleetVersion } from "@waggle/fleet";
import type { FleetJob, GatewayProcessId } from "@waggle/fleet";
import { samplingOfChoice } from "@waggle/jobs";
import type { Job, JobSpec, SequenceState } from "@waggle/jobs";

export interface FleetJobOptions {
  readonly gateway: GatewayProcessId;
  /** The gateway's `--on-worker-loss`, for requests without `on_worker_loss`. */
  readonly onWorkerLoss: FleetJob["onWorkerLoss"];
  /** How long a client may take to come back: to read the job's stream, or to send its request again. */
  readonly reconnectGraceMs: number;
  readonly retryGraceMs: number;
}

/** @param id the sequence's id in the fleet */
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

/** How long a worker continues the job without a gateway: as long as the gateway waits for readers. Null: without limit. */
function orphanMsOf({ onDisconnect, direct, retriable }: JobSpec, options: FleetJobOptions): number | null {
  if (onDisconnect === "continue") return null;
  if (!direct) return options.reconnectGraceMs;
  return retriable === true ? options.retryGraceMs : 0;
}

/** Removes the fields for queueing, deadlines, readers and session order: the gateway handles these. */
function specOf(spec: JobSpec, id: string, choice: number): JobSpec {
  const rest = omit(spec, "keepAliveMs", "deadlineMs", "refusedIfLate", "retriable");
  const { sessionId } = spec.scope;
  const owner = omit(spec.scope, "sessionId", "requestDigest");
  const changed = {
    id,
    scope: { ...owner, ...(sessionId === undefined ? {} : { cacheSession: sessionId }) },
    onDisconnect: "continue",
    direct: false,
  } as const;
  if (rest.kind !== "generate") return { ...rest, ...changed };
  return { ...rest, ...changed, choices: 1, sampling: samplingOfChoice(rest.sampling, choice) };
}

type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

function omit<T extends object, K extends keyof T>(value: T, ...names: readonly K[]): Without<T, K> {
  const left: ReadonlySet<PropertyKey> = new Set(names);
  return Object.fromEntries(Object.entries(value).filter(([name]) => !left.has(name))) as Without<T, K>;
}
