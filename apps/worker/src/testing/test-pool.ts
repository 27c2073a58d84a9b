// Makes pools for tests: on a fake clock, with hosts whose engines load and exit when the test says so.
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import type { Job, Lease } from "@waggle/jobs";
import type { ModelMemory, ModelStateName } from "@waggle/protocol";
import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { afterEach, expect } from "vitest";
import type { ModelHost } from "../models/run/model-host-port.ts";
import { createModelState } from "../models/run/model-state.ts";
import { createPool } from "../models/memory/pool.ts";
import type { LoadPlan, Pool } from "../models/memory/pool.ts";

export const mib = 2 ** 20;
export const memoryOf = (mebibytes: number): ModelMemory => ({ total: mebibytes * mib }) as ModelMemory;

export interface Actor {
  readonly host: ModelHost;
  readonly state: () => ModelStateName;
  /** Leases of the waiting and running jobs. */
  readonly jobs: Lease[];
  pinned: boolean;
  keepAliveMs: number;
  plan: () => LoadPlan | Promise<LoadPlan>;
  /** Number of loads begun. */
  readonly loads: () => number;
  readonly failure: () => string | undefined;
  loaded(): void;
  /** Ends the last running job and the engine. */
  left(): Promise<void>;
  /** Ends the last job, which may have set how long the model stays. */
  idle(keepAliveMs?: number): void;
}

/** Lets reactions of promises run: the pool's longest chain is a few turns. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

export let clock: ReturnType<typeof createFakeClock>;
export let pool: Pool;
let actors: Map<ModelHost, Actor>;
export let unloads: string[];
export let logLines: Record<string, unknown>[];

/** A pool of at most this many models, and three models of 100 MiB. */
export function createTestPool(models: number, bytes?: number): Record<"a" | "b" | "c", Actor> {
  clock = createFakeClock();
  unloads = [];
  logLines = [];
  const write = (line: string): void => void logLines.push(JSON.parse(line) as Record<string, unknown>);
  actors = new Map();
  pool = createPool({
    prepare: (host) => actors.get(host)?.plan() ?? expect.fail("an unknown host"),
    budget: { bytes, models, leastStayMs: 5_000 },
    clock,
    log: createLogger({ level: "info", format: "json", name: "test", destination: { write } }),
    onUnload: (host, reason) => unloads.push(`${host.name} ${reason}`),
  });
  return { a: actor("a"), b: actor("b"), c: actor("c") };
}

afterEach(() => {
  pool.close();
  if (clock.pending > 0) throw new Error(`${clock.pending} timers are left`);
});

export function actor(name: string, sizeMib = 100): Actor {
  const state = createModelState();
  let leaving: Deferred<void> | undefined;
  let loads = 0;
  let failure: string | undefined;
  const host = {
    key: name,
    name,
    state,
    readings: { rssBytes: 0 },
    dispatcher: { running: 0, waiting: 0 },
    wait: (why: string) => state.apply("wait", why),
    giveWay: () => state.apply("give_way"),
    load() {
      loads += 1;
      state.apply("load");
    },
    fail(message: string) {
      failure = message;
      state.apply("fail", message);
    },
    async unload() {
      if (state.name === "unloaded") return;
      // A host that has loaded nothing yet has nothing to unload.
      const gone = state.name === "waiting" || state.name === "failed";
      if (state.name !== "unloading") state.apply("unload");
      leaving ??= deferred<void>();
      if (gone) leaving.resolve();
      await leaving.promise;
      leaving = undefined;
      if (state.name === "unloading") state.apply("unloaded");
    },
  } as unknown as ModelHost;
  const self: Actor = {
    host,
    state: () => state.name,
    jobs: [],
    pinned: false,
    keepAliveMs: Infinity,
    plan: () => ({ memory: memoryOf(sizeMib) }),
    loads: () => loads,
    failure: () => failure,
    loaded: () => state.apply("loaded"),
    async left() {
      expect(leaving, `${name} was not asked to leave`).toBeDefined();
      leaving?.resolve();
      await settle();
    },
    idle(keepAliveMs) {
      const job = { spec: { when: { keepAliveMs } } } as Job;
      for (const lease of self.jobs.splice(0)) lease.end(job);
    },
  };
  actors.set(host, self);
  pool.add(host, self);
  return self;
}

/** Begins a load for a job of the model. */
export function ask(one: Actor, isForLane = false): void {
  one.jobs.push(pool.use(one.host, isForLane));
}

/** Begins a job of the model, and lets the model load. */
export async function run(one: Actor): Promise<void> {
  ask(one);
  one.loaded();
  await settle();
}

export async function loadNow(...actors: readonly Actor[]): Promise<void> {
  for (const one of actors) {
    ask(one);
    one.loaded();
    clock.advance(1);
    one.idle();
  }
  await settle();
}
