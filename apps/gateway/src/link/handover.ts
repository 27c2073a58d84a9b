// Owns how a sequence comes into the fleet's queue, or how an adopted one is heard: again and again while the queue is full or NATS away, until
// the job is told to end. While one waits here, nothing more is taken, so that the bounds of the fleet become those of the front.
import type { Clock, TimerHandle } from "@waggle/async";
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { FleetJob, GatewaySide, RecordFollower } from "@waggle/fleet";
import type { Job } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { JobNames } from "../jobs/job-names.ts";
import type { Placement } from "./placement.ts";
import { isOver } from "./sequence-run.ts";
import type { SequenceRun } from "./sequence-run.ts";

/** Until the next attempt, unless something ends before. */
const retryMs = 1_000;

export interface Handover {
  /**
   * Resolves when the job is in the queue and its records arrive here, or when the job has ended. Never throws.
   * @param named what it is in the fleet, once its job has its record
   */
  put(run: SequenceRun, follower: RecordFollower, named: () => FleetJob): Promise<void>;
  /** Resolves when its records are heard from the first one on, or it is over. Never throws. */
  take(run: SequenceRun, follower: RecordFollower): Promise<void>;
  /** Sequences that were refused and wait for the next attempt. */
  readonly waiting: number;
  /** There may be room now. */
  wake(): void;
  /** It is over. */
  forget(run: SequenceRun): void;
}

export interface HandoverOptions {
  readonly side: Pick<GatewaySide, "id" | "publish" | "follow" | "followFromStart">;
  readonly names: Pick<JobNames, "recorded" | "isHandedOver" | "handedOver">;
  readonly placement: Pick<Placement, "choose">;
  readonly serving: () => readonly { readonly worker: string }[];
  /** Rejects with a WaggleError where that cannot be found out. */
  readonly cleared: (job: Job) => Promise<void> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface HandoverEvents {
  onRoom(): void;
  /** It can never be handed over. */
  onRefused(run: SequenceRun, error: WaggleError): void;
}

export function createHandover(options: HandoverOptions, { onRoom, onRefused }: HandoverEvents): Handover {
  const { side, names, placement, clock, log } = options;
  const refused = new Map<SequenceRun, Deferred<void>>();
  let timer: TimerHandle | undefined;

  function wake(): void {
    timer?.cancel();
    timer = undefined;
    for (const again of refused.values()) again.resolve();
  }

  /** Resolves when it is worth another attempt, or the sequence is over. */
  async function another(run: SequenceRun): Promise<void> {
    const again = deferred<void>();
    refused.set(run, again);
    timer ??= clock.setTimeout(wake, retryMs);
    await again.promise;
  }

  function settled(run: SequenceRun): void {
    if (refused.delete(run) && refused.size === 0) onRoom();
  }

  async function attempt(run: SequenceRun, work: () => Promise<void>): Promise<void> {
    for (let told = false; !isOver(run);) {
      try {
        await work();
        break;
      } catch (thrown) {
        const error = WaggleError.from(thrown);
        // What NATS was asked for may have happened all the same.
        if (run.records.taken) break;
        if (error.code !== "resource_exhausted" && error.code !== "unavailable") {
          onRefused(run, error);
          break;
        }
        if (!told) log.warn({ job: run.job.id, code: error.code }, "fleet_job_waits");
        told = true;
        if (!isOver(run)) await another(run);
      }
    }
    settled(run);
  }

  async function hear(run: SequenceRun, follower: RecordFollower): Promise<void> {
    run.stop();
    const stop = await side.followFromStart(run.fleetJob.id, follower);
    if (isOver(run)) stop();
    else run.stop = stop;
  }

  /** Whether another gateway has put the job into the queue. If not, this gateway receives its records from now on. */
  async function isElsewhere(run: SequenceRun, follower: RecordFollower): Promise<boolean> {
    // The job was handed over before, and NATS's answer was lost.
    if (run.handedOver || run.followed) return run.followed;
    let begun = false;
    let isDecided = false;
    if (run.fleetJob.gateway === side.id) {
      run.stop();
      run.stop = side.follow(run.fleetJob.id, {
        record(one) {
          if (isDecided) follower.record(one);
          else begun = true;
        },
      });
    } else await hear(run, follower);
    run.followed = (await names.isHandedOver(run.job)) || begun;
    isDecided = true;
    return run.followed;
  }

  return {
    async put(run, follower, named) {
      try {
        await options.cleared(run.job);
      } catch (error) {
        onRefused(run, WaggleError.from(error));
      }
      if (isOver(run)) return;
      let first = true;
      await attempt(run, async () => {
        if (!run.handedOver && !run.followed) {
          await names.recorded(run.job);
          run.fleetJob = named();
        }
        const workers = options.serving().map(({ worker }) => worker);
        const chosen = first ? placement.choose(run.job, run.fleetJob.id, workers) : undefined;
        if (await isElsewhere(run, follower)) return await hear(run, follower);
        const to = await chosen;
        if (isOver(run)) return;
        first = false;
        run.handedOver = true;
        await side.publish(run.fleetJob, to);
        names.handedOver(run.job);
      });
    },
    async take(run, follower) {
      run.followed = true;
      await attempt(run, async () => await hear(run, follower));
    },
    get waiting() {
      return refused.size;
    },
    wake,
    forget(run) {
      refused.get(run)?.resolve();
      settled(run);
    },
  };
}
