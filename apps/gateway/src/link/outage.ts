// Measures how long a model has been unreachable because NATS is away or no worker serves the model. Does not know the jobs.
import type { Clock } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";

/** How long waiting and running jobs wait for NATS to return. */
const natsAwayLimitMs = 30_000;
/** How long waiting jobs, and silent running jobs, wait for a worker. */
export const noWorkerLimitMs = 60_000;

export interface Outage {
  /** Whether NATS or the workers of the model are away now. */
  readonly ongoing: boolean;
  /** Notes when an outage begins or ends. Call after a change of the connection or the workers. */
  update(): void;
  /** The error once a limit has passed. */
  overdue(): WaggleError | undefined;
}

export interface OutageOptions {
  readonly clock: Clock;
  /** Name of the model, for messages. */
  readonly model: string;
  readonly connected: () => boolean;
  readonly served: () => boolean;
}

export function createOutage({ clock, model, connected, served }: OutageOptions): Outage {
  /** Start of each outage, in milliseconds on the daemon's clock. */
  let natsAwaySince: number | undefined;
  let noWorkerSince: number | undefined;

  const longer = (since: number | undefined, limitMs: number): boolean =>
    since !== undefined && clock.now() - since >= limitMs;

  return {
    get ongoing() {
      return natsAwaySince !== undefined || noWorkerSince !== undefined;
    },
    update() {
      natsAwaySince = connected() ? undefined : (natsAwaySince ?? clock.now());
      // Without NATS, the model's workers are unknown.
      noWorkerSince = served() || !connected() ? undefined : (noWorkerSince ?? clock.now());
    },
    overdue() {
      if (longer(natsAwaySince, natsAwayLimitMs)) {
        const since = `there has been no connection to NATS for ${natsAwayLimitMs / 1000} s`;
        return new WaggleError("unavailable", `Cannot run the job: ${since}.`);
      }
      if (longer(noWorkerSince, noWorkerLimitMs)) {
        const since = `no worker has served ${model} for ${noWorkerLimitMs / 1000} s`;
        return new WaggleError("unavailable", `Cannot run the job: ${since}.`);
      }
      return undefined;
    },
  };
}
