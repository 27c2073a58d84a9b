// Owns what a fault of a schedule does to the simulated fleet, and the record of what happened, which says what may have suffered from it.
import type { ModelBroker } from "@waggle/fleet/model";
import type { FakeClock } from "@waggle/testing";
import type { SimulatedMember, SimulatedWorker } from "./members.ts";
import type { FaultKind, FaultPlan } from "./schedule.ts";

/** A member that is started again when its process has ended. */
export interface Place {
  readonly member: SimulatedMember;
  /** Starts a new process. */
  restart(): void;
  /** Whether a process runs and does not leave. */
  readonly isUp: boolean;
  /** Notes that the process leaves or is dead. */
  down(): void;
}

export interface FaultWorld {
  readonly clock: FakeClock;
  readonly server: ModelBroker;
  readonly workers: readonly Place[];
  readonly gateways: readonly Place[];
  readonly note: (line: string) => void;
  readonly fault: (message: string) => void;
  /** Starts a process with the id of this worker. */
  readonly startTwin: (worker: number) => SimulatedWorker;
  /** Writes records of another version under the ids of clients that come later. */
  readonly writeForeignRecords: (target: number) => void;
  /** Whether there was a fault of this kind; without a kind, whether there was any but second workers. */
  readonly had: (kind?: FaultKind) => boolean;
}

/** Round trip of a slow link: longer than the limit of one answer takes in two ways. */
const slowMs = { minMs: 500, maxMs: 700 };
/** After a kill the broker's disk does not have the last ends of jobs. */
const lostMs = 2_000;

/** @returns the function that ends the fault. `lasts`: it does not end. Undefined: it cannot happen now */
type Act = (world: FaultWorld, plan: FaultPlan) => (() => void) | "lasts" | undefined;

const place = (places: readonly Place[], { target }: FaultPlan): Place | undefined => places[target % places.length];

const kill =
  (of: "workers" | "gateways"): Act =>
  (world, plan) => {
    const at = place(world[of], plan);
    if (at === undefined || !at.isUp) return undefined;
    at.member.kill();
    at.down();
    return () => at.restart();
  };

const stop =
  (of: "workers" | "gateways"): Act =>
  (world, plan) => {
    const at = place(world[of], plan);
    if (at === undefined || !at.isUp) return undefined;
    at.down();
    const left = at.member.stop();
    return () => void left.then(() => at.restart());
  };

const member =
  (of: "workers" | "gateways", begin: (member: SimulatedMember, world: FaultWorld) => () => void): Act =>
  (world, plan) => {
    const at = place(world[of], plan);
    return at?.isUp === true ? begin(at.member, world) : undefined;
  };

const freeze = (one: SimulatedMember) => {
  one.freeze();
  return () => one.thaw();
};

const hold = ({ name }: SimulatedMember, { server }: FaultWorld) => {
  const link = server.link(name);
  link.hold();
  return () => {
    link.release();
    link.cut();
  };
};

const once =
  (what: "cut" | "cutMidway") =>
  ({ name }: SimulatedMember, { server }: FaultWorld) => {
    server.link(name)[what]();
    return () => {};
  };

const store =
  (what: (server: ModelBroker) => void): Act =>
  ({ server }) => {
    what(server);
    return () => {};
  };

const fill =
  (name: "jobs" | "events"): Act =>
  ({ server }) => {
    server.fill(name);
    return () => server.unfill(name);
  };

const acts: Record<FaultKind, Act> = {
  "kill worker": kill("workers"),
  "kill gateway": kill("gateways"),
  "stop worker": stop("workers"),
  "stop gateway": stop("gateways"),
  "freeze worker": member("workers", freeze),
  "freeze gateway": member("gateways", freeze),
  "hold worker": member("workers", hold),
  "hold gateway": member("gateways", hold),
  "cut worker": member("workers", once("cut")),
  "cut gateway": member("gateways", once("cut")),
  "cut gateway midway": member("gateways", once("cutMidway")),
  "cut worker midway": member("workers", once("cutMidway")),
  "slow gateway": member("gateways", ({ name }, { server }) => server.link(name).delay(slowMs)),
  "stop broker": ({ server }) => {
    server.stop();
    return () => server.start();
  },
  "kill broker": ({ server }) => {
    server.stop(lostMs);
    return () => server.start();
  },
  // Like a stopped process: its connections stay.
  "freeze broker": ({ workers, gateways, server }) => {
    const links = [...workers, ...gateways].map(({ member: { name } }) => server.link(name));
    for (const link of links) link.hold();
    return () => links.forEach((link) => link.release());
  },
  "lose stores": ({ server }) => {
    server.stop();
    server.wipe();
    return () => server.start();
  },
  "purge jobs": store((server) => server.purge("jobs")),
  "delete jobs": store((server) => server.deleteStore("jobs")),
  "delete events": store((server) => server.deleteStore("events")),
  "delete records.jobs": store((server) => server.deleteStore("records.jobs")),
  "delete records.members": store((server) => server.deleteStore("records.members")),
  "delete records.cancels": store((server) => server.deleteStore("records.cancels")),
  "fill jobs": fill("jobs"),
  "fill events": fill("events"),
  "deny worker": (world, plan) => {
    const { workers, server } = world;
    // Another worker must be able to run its jobs.
    if (workers.length < 2 || world.had("deny worker")) return undefined;
    const user = `w${plan.target % workers.length}`;
    // A wrong permission does not end by itself.
    server.deny(user, "waggle.events.>");
    return "lasts";
  },
  redeliver: store((server) => void server.redeliver()),
  "foreign record": (world, { target }) => {
    world.writeForeignRecords(target);
    return () => {};
  },
  "second worker": (world, plan) => {
    const number = plan.target % world.workers.length;
    const original = world.workers[number];
    if (original?.isUp !== true) return undefined;
    const { member } = original;
    const twin = world.startTwin(number);
    return () => {
      // The first process keeps the id as long as it answers.
      if (twin.jobs > 0 && original.isUp && original.member === member && !world.had()) {
        world.fault(`a second worker with the id of worker ${number} took ${twin.jobs} jobs`);
      }
      twin.kill();
    };
  },
};

export interface Happened {
  readonly kind: FaultKind;
  readonly target: number;
  readonly from: number;
  /** Infinity while it lasts. */
  to: number;
}

/** Lets the faults happen at their times. Returns the record of those that did. */
export function scheduleFaults(world: FaultWorld, plans: readonly FaultPlan[]): readonly Happened[] {
  const { clock, note } = world;
  const happened: Happened[] = [];
  for (const plan of plans) {
    clock.setTimeout(() => {
      const end = acts[plan.kind](world, plan);
      if (end === undefined) return;
      note(`${plan.kind} ${plan.target} for ${plan.lastsMs} ms`);
      const one: Happened = { kind: plan.kind, target: plan.target, from: clock.now(), to: Infinity };
      happened.push(one);
      if (end === "lasts") return;
      clock.setTimeout(() => {
        one.to = clock.now();
        note(`${plan.kind} ${plan.target} is over`);
        end();
      }, plan.lastsMs);
    }, plan.atMs);
  }
  return happened;
}
