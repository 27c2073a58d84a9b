// Owns one simulated process of a fleet: its clock, its connection to the broker, and how it freezes and dies. Code of the process runs only through
// `run`, its timers and its link.
import type { Clock } from "@waggle/async";
import { createRandom } from "@waggle/testing/harness";
import type { Chance } from "../broker/chance.ts";
import type { LinkFaults } from "../broker/model/link.ts";
import type { ModelBroker } from "../broker/model/model-broker.ts";
import type { Broker } from "../broker/port.ts";

/** How a call into a process ends when the process dies. */
export class BrokenError extends Error {
  override readonly name = "BrokenError";
}

interface SimulatedProcess {
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

/** What the processes of one fleet share. */
export interface FleetWorld {
  readonly clock: Clock;
  readonly server: ModelBroker;
  readonly seed: number;
}

export interface SimulatedMember {
  readonly name: string;
  readonly chance: Chance;
  readonly process: SimulatedProcess;
  readonly broker: Broker;
  readonly link: LinkFaults;
  /** Ends the process at once. */
  kill(): void;
  freeze(): void;
  thaw(): void;
}

/** @param user the name that the broker's permissions are for */
export function createMember({ clock, server, seed }: FleetWorld, name: string, user = name): SimulatedMember {
  const chance = chanceOf(seed, name);
  const process = createProcess(clock, { drift: (chance.next() - 0.5) / 500, startMs: chance.next() * 1_000_000 });
  const broker = server.connect({ name, clock: process.clock, user });
  const link = server.link(name);
  return {
    name,
    chance,
    process,
    broker,
    link,
    kill() {
      process.kill();
      link.freeze();
      link.cut();
    },
    freeze() {
      process.freeze();
      link.freeze();
    },
    thaw() {
      process.thaw();
      link.thaw();
    },
  };
}

function chanceOf(seed: number, name: string): Chance {
  const random = createRandom(seed, name);
  const digits = (): string =>
    Math.floor(random.next() * 2 ** 32)
      .toString(16)
      .padStart(8, "0");
  return { next: random.next, id: () => `${digits()}${digits()}${digits()}${digits()}` };
}

/** @param drift how much faster than the world's clock the clock of the process is, as a share @param startMs its value at the world's 0 */
function createProcess(world: Clock, { drift, startMs }: { drift: number; startMs: number }): SimulatedProcess {
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
