// Announces the queue positions of waiting jobs: the first position at once, changes at most once a second.
import type { Clock, TimerHandle } from "@waggle/async";
import { isLane } from "@waggle/protocol";
import type { Job } from "../job/job.ts";

const announceIntervalMs = 1_000;

export interface Positions {
  /** Announces the job's position, and each change until the job starts or ends. Lane jobs have no reader to announce it to. */
  announce(job: Job): void;
  /** Called when a position may have changed. A change is announced within the interval. */
  changed(): void;
  stop(): void;
}

export interface PositionsOptions {
  readonly clock: Clock;
  /** Returns the job's position: 0 once the engine has the job, undefined once the job has ended. */
  readonly positionOf: (job: Job) => number | undefined;
  readonly onMoved: (job: Job, position: number) => void;
}

export function createPositions({ clock, positionOf, onMoved }: PositionsOptions): Positions {
  /** The last announced position of each waiting job. */
  const announced = new Map<Job, number>();
  let timer: TimerHandle | undefined;

  function announce(job: Job): void {
    const position = isLane(job.spec.when) ? undefined : positionOf(job);
    if (position === undefined || job.state.startedAt !== undefined) {
      announced.delete(job);
    } else if (announced.get(job) !== position) {
      announced.set(job, position);
      onMoved(job, position);
    }
  }

  return {
    announce,
    changed() {
      if (announced.size === 0) return;
      timer ??= clock.setTimeout(() => {
        timer = undefined;
        for (const job of announced.keys()) announce(job);
      }, announceIntervalMs);
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
