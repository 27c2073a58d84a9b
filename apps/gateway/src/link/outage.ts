// Owns for how long a model can have been out of reach: NATS is away, or no worker serves it. It knows no jobs.
import type { Clock } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";

/** How long what waits and what runs may hope for NATS to come back. */
const natsAwayLimitMs = 30_000;
/** How long what waits may hope for a worker, and what runs and is silent as well. */
export const noWorkerLimitMs = 60_000;
const retryAfterS = 5;

export interface Outage {
  /** Since when, on the daemon's clock; undefined while the model can be reached. */
  readonly natsAwaySince: number | undefined;
  readonly noWorkerSince: number | undefined;
  /** Something may have changed. */
  look(): void;
  /** Why whoever hoped for it hopes no longer; undefined while there is reason to. */
  overdue(): WaggleError | undefined;
}

export interface OutageOptions {
  readonly clock: Clock;
  readonly model: string;
  readonly connected: () => boolean;
  readonly served: () => boolean;
}

export function createOutage({ clock, model, connected, served }: OutageOptions): Outage {
  let natsAwaySince: number | undefined;
  let noWorkerSince: number | undefined;

  const longer = (since: number | undefined, limitMs: number): boolean =>
    since !== undefined && clock.now() - since >= limitMs;

  return {
    get natsAwaySince() {
      return natsAwaySince;
    },
    get noWorkerSince() {
      return noWorkerSince;
    },
    look() {
      natsAwaySince = connected() ? undefined : (natsAwaySince ?? clock.now());
      // While NATS is away nobody knows who serves it.
      noWorkerSince = served() || !connected() ? undefined : (noWorkerSince ?? clock.now());
    },
    overdue() {
      if (longer(natsAwaySince, natsAwayLimitMs)) {
        const since = `there has been no connection to NATS for ${natsAwayLimitMs / 1000} s`;
        return new WaggleError("unavailable", `Cannot run the job: ${since}.`, { retryAfterS });
      }
      if (longer(noWorkerSince, noWorkerLimitMs)) {
        const since = `no worker has served ${model} for ${noWorkerLimitMs / 1000} s`;
        return new WaggleError("unavailable", `Cannot run the job: ${since}.`, { retryAfterS });
      }
      return undefined;
    },
  };
}
