// Owns when waiting jobs are told where they stand: at once, and then when it has changed, once a second at most.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Job } from "./job.ts";

const announceIntervalMs = 1_000;

export interface Positions {
  /** Tells of the job's position, and of each change until it starts or ends. */
  follow(job: Job): void;
  /** Something moved; the announcement follows within the interval. */
  changed(): void;
  stop(): void;
}

export interface PositionsOptions {
  readonly clock: Clock;
  /** 0 once the engine has it; undefined once it has ended. */
  readonly positionOf: (job: Job) => number | undefined;
  readonly onMoved: (job: Job, position: number) => void;
}

export function createPositions({ clock, positionOf, onMoved }: PositionsOptions): Positions {
  /** What each waiting job was told last. */
  const told = new Map<Job, number>();
  let timer: TimerHandle | undefined;

  function tell(job: Job): void {
    const position = positionOf(job);
    if (position === undefined || job.state.startedAt !== undefined) {
      told.delete(job);
    } else if (told.get(job) !== position) {
      told.set(job, position);
      onMoved(job, position);
    }
  }

  return {
    follow: tell,
    changed() {
      if (told.size === 0) return;
      timer ??= clock.setTimeout(() => {
        timer = undefined;
        for (const job of told.keys()) tell(job);
      }, announceIntervalMs);
    },
    stop() {
      timer?.cancel();
      timer = undefined;
    },
  };
}
