// Owns one simulated process: its clock, and how it freezes and dies. Code of the process runs only through `run`, its timers and its link.
import type { Clock } from "@waggle/async";

/** How a call into a process ends when the process dies. */
export class BrokenError extends Error {
  override readonly name = "BrokenError";
}

export interface SimulatedProcess {
  readonly clock: Clock;
  readonly alive: boolean;
  /** Calls the function in the process: now, after the thaw, or never in a dead process. */
  run(fn: () => void): void;
  /** @throws BrokenError when the process dies before the result */
  call<T>(fn: () => Promise<T>): Promise<T>;
  freeze(): void;
  thaw(): void;
  kill(): void;
}

/** @param drift how much faster than the world's clock the clock of the process is, as a share @param startMs its value at the world's 0 */
export function createProcess(world: Clock, { drift, startMs }: { drift: number; startMs: number }): SimulatedProcess {
  let state: "running" | "frozen" | "dead" = "running";
  let late: (() => void)[] = [];
  const deaths = new Set<() => void>();

  function run(fn: () => void): void {
    if (state === "frozen") late.push(fn);
    else if (state === "running") fn();
  }

  return {
    clock: {
      now: () => startMs + world.now() * (1 + drift),
      setTimeout(fn, ms) {
        let cancelled = false;
        const timer = world.setTimeout(() => run(() => cancelled || fn()), ms / (1 + drift));
        return {
          cancel() {
            cancelled = true;
            timer.cancel();
          },
        };
      },
    },
    get alive() {
      return state !== "dead";
    },
    run,
    async call(fn) {
      return await new Promise((resolve, reject) => {
        if (state === "dead") return reject(new BrokenError());
        const die = (): void => reject(new BrokenError());
        deaths.add(die);
        run(() => {
          fn()
            .then(resolve, reject)
            .finally(() => deaths.delete(die));
        });
      });
    },
    freeze() {
      if (state === "running") state = "frozen";
    },
    thaw() {
      if (state !== "frozen") return;
      state = "running";
      for (const fn of late.splice(0)) fn();
    },
    kill() {
      state = "dead";
      late = [];
      for (const die of deaths) die();
    },
  };
}
