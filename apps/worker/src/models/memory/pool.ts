// Owns which models are in memory: loads models when there is memory, and unloads idle models or models whose memory other models need.
// This file applies the policy in `eviction`. The pool stops no job: a model is unloaded when its running jobs have ended.
import { createCondition } from "@waggle/async";
import type { Clock, Condition, TimerHandle } from "@waggle/async";
import type { Lease } from "@waggle/jobs";
import type { ModelMemory } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { ModelHost } from "../run/model-host-port.ts";
import { admit, shortage } from "./eviction.ts";
import type { Budget, Tenant } from "./eviction.ts";

/** The known facts about a model before it is loaded. */
export interface LoadPlan {
  /** Undefined when unknown, as for the fake backend; the model then takes no part of the budget. */
  readonly memory: ModelMemory | undefined;
}

/** How long a model stays in memory. */
export interface Stay {
  /** Whether the model stays even if it is idle or another model needs the memory. */
  pinned: boolean;
  /** How long the model stays after its last job, in ms, unless that job set a time; Infinity to stay forever. */
  readonly keepAliveMs: number;
}

/**
 * Finds a model's file and memory needs; without a promise when they are known already.
 * @throws Error with the reason why the model cannot be loaded
 */
export type Prepare = (host: ModelHost) => LoadPlan | Promise<LoadPlan>;

export type UnloadReason = "idle" | "memory" | "asked" | "replaced" | "removed";

export interface PoolOptions {
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly prepare: Prepare;
  readonly onUnload: (host: ModelHost, reason: UnloadReason) => void;
}

export interface Pool {
  readonly budget: Budget;
  /** Memory of all models that are being loaded, loaded, or being unloaded. */
  readonly usedBytes: number;
  add(host: ModelHost, stay: Stay): void;
  /** Removes the model for good after its last lease has ended; resolves when its engine has ended. */
  remove(host: ModelHost, reason: UnloadReason): Promise<void>;
  /**
   * Loads the model, if it is not loaded, for a job or a query that needs it until the lease ends. A failed load is tried again after 30 s. The
   * model stays for as long as the last ended job asked.
   * @param isForLane whether the job is a lane job: it loads the model only where no request keeps another one, and does not keep it
   */
  use(host: ModelHost, isForLane?: boolean): Lease;
  /** Loads the model without a job. A failed load is tried again after 30 s. */
  load(host: ModelHost): void;
  /** Loads the model for a request that names it. A failed load is tried again at once. */
  loadNow(host: ModelHost): void;
  /** Whether the model must load as soon as there is memory: for a lease, or for a request that names the model. */
  isWanted(host: ModelHost): boolean;
  /** Unloads the model; resolves when its engine has exited. If a lease needs the model, it is loaded again after `between` has run. */
  unload(host: ModelHost, reason: UnloadReason, between?: () => void): Promise<void>;
  /** Sets how long the model stays without a job from now on, in ms; undefined: as configured. */
  keep(host: ModelHost, ms: number | undefined): void;
  /** When the model is unloaded unless requests come, in ms of the clock; undefined: never. */
  expiresAt(host: ModelHost): number | undefined;
  /** Sets the model's memory needs, when they are known for the first time or more exactly. */
  know(host: ModelHost, plan: LoadPlan): void;
  memoryOf(host: ModelHost): ModelMemory | undefined;
  /** Why `bytes` more do not fit next to `beside` and all pinned models, even if all other models leave; undefined if they fit. */
  shortage(bytes: number, beside: readonly ModelHost[]): string | undefined;
  /** Stops loading models and clears all timers. */
  close(): void;
}

/** Time after a failed load in which a job does not load the model again. */
const retryAfterMs = 30_000;

/** Held by a model that loads for a request which names it, until the model has loaded or failed. */
const byName: Lease = { end() {}, pause() {}, resume() {} };

interface Residency {
  readonly host: ModelHost;
  readonly stay: Stay;
  plan: LoadPlan | undefined;
  /** Defined while `prepare` runs. */
  preparing: Promise<LoadPlan> | undefined;
  /** Work to do once the engine has exited, before the model is loaded again. */
  readonly between: (() => void)[];
  /** The model must load while there are leases. */
  readonly leases: Set<Lease>;
  /** Their jobs run tool calls, and need the model again for their next steps. */
  readonly paused: Set<Lease>;
  /** Holds when there are no leases, paused ones included. */
  readonly unused: Condition;
  /** Whether the model is removed after its last lease. */
  leaving: boolean;
  /** Whether the model must not load any more. */
  removed: boolean;
  usedAt: number;
  loadedAt: number;
  failedAt: number;
  /** Set by the last job, or by the request that loaded the model; undefined: as configured. */
  keepAliveMs: number | undefined;
  expiry: { readonly at: number; readonly timer: TimerHandle } | undefined;
}

export function createPool({ budget, clock, log, prepare, onUnload }: PoolOptions): Pool {
  const residencies = new Map<ModelHost, Residency>();
  /** The models waiting to load, in the order of their requests. */
  const line = new Set<Residency>();
  const laneLeases = new WeakSet<Lease>();
  let again: TimerHandle | undefined;
  let closed = false;

  function residencyOf(host: ModelHost): Residency {
    const found = residencies.get(host);
    if (found === undefined) throw new Error(`Model ${host.name} is not in the pool`);
    return found;
  }

  function residencyBytes({ plan, host }: Residency): number {
    return Math.max(plan?.memory?.total ?? 0, host.readings.rssBytes);
  }

  function tenants(): readonly Tenant[] {
    return [...residencies.values()].flatMap((held) => {
      const { host, usedAt, loadedAt } = held;
      const phase = phases[host.state.name];
      if (phase === undefined) return [];
      const hasJobs = held.leases.size + held.paused.size > 0;
      // A model without a request may be configured to stay for ever.
      const keptUntil = usedAt === -Infinity ? usedAt : usedAt + stayMs(held);
      const uses = { busy: isBusy(held), hasJobs, usedAt, keptUntil, loadedAt };
      return [{ key: host.key, bytes: residencyBytes(held), phase, pinned: isPinned(held), ...uses }];
    });
  }

  function isBusy({ leases }: Residency): boolean {
    return [...leases].some((lease) => !laneLeases.has(lease));
  }

  function stayMs({ stay, keepAliveMs = stay.keepAliveMs }: Residency): number {
    return keepAliveMs;
  }

  function isPinned({ stay, leaving }: Residency): boolean {
    return stay.pinned && !leaving;
  }

  function queue(held: Residency): void {
    const { host } = held;
    if (host.state.name !== "waiting") host.wait("it waits for its turn");
    if (held.preparing !== undefined) return;
    try {
      const plan = prepare(host);
      if (!(plan instanceof Promise)) return prepared(held, plan);
      held.preparing = plan;
      // A swap may have changed the file meanwhile.
      const isMeant = (): boolean => held.preparing === plan;
      plan
        .then(
          (found) => void (isMeant() && prepared(held, found)),
          (error: unknown) => void (isMeant() && failed(held, error)),
        )
        .catch((error: unknown) => logDefect(held.host, error));
    } catch (error) {
      failed(held, error);
    }
  }

  function prepared(held: Residency, plan: LoadPlan): void {
    held.preparing = undefined;
    held.plan = plan;
    const { host } = held;
    // The model may have been unloaded or removed meanwhile.
    const waits = host.state.name === "waiting" || host.state.name === "downloading";
    if (closed || !waits || !residencies.has(host)) return;
    if (isWanted(held)) line.add(held);
    else host.giveWay();
    advance();
  }

  function failed(held: Residency, error: unknown): void {
    held.preparing = undefined;
    if (closed || !residencies.has(held.host)) return;
    held.host.fail(error instanceof Error ? error.message : String(error));
  }

  function isWanted({ removed, leases }: Residency): boolean {
    return !removed && leases.size > 0;
  }

  /**
   * Loads the models that fit, in the order of their requests, and those for lane jobs last. If small models overtook large ones, the large ones could
   * wait forever.
   */
  function advance(): void {
    again?.cancel();
    again = undefined;
    for (const held of [...line].toSorted((a, b) => Number(isBusy(b)) - Number(isBusy(a)))) {
      if (closed) return;
      if (!line.has(held)) continue;
      const { host } = held;
      const admission = admit(residencyBytes(held), tenants(), budget, clock.now(), !isBusy(held));
      switch (admission.kind) {
        case "fits":
          line.delete(held);
          host.load();
          break;
        case "never":
          line.delete(held);
          host.fail(`Cannot load model ${host.name}: ${admission.reason}.`);
          break;
        case "evict":
          for (const other of [...residencies.keys()])
            if (admission.keys.includes(other.key)) unloadLater(other, "memory", undefined, { for: host.name });
          return;
        case "wait":
          if (admission.untilMs !== undefined)
            again = clock.setTimeout(advance, Math.max(0, admission.untilMs - clock.now()));
          return;
      }
    }
  }

  /** @param why further facts for the log */
  async function unload(host: ModelHost, reason: UnloadReason, between?: () => void, why?: object): Promise<void> {
    const held = residencyOf(host);
    forgetExpiry(held);
    line.delete(held);
    forgetLease(held, byName);
    if (host.state.name !== "unloading" && phases[host.state.name] !== undefined) {
      const facts = { model: host.name, reason, jobs: host.dispatcher.running, waiting: host.dispatcher.waiting };
      log.info({ ...facts, ...why }, "model_unload");
      onUnload(host, reason);
    }
    if (between !== undefined) held.between.push(between);
    await host.unload();
    // Several calls may wait here. The first call that continues may load the model again, so it does the work of all calls.
    const changes = held.between.splice(0);
    if (changes.length > 0) held.preparing = undefined;
    for (const change of changes) change();
    if (closed || residencies.get(host) !== held) return;
    if (host.state.name === "unloaded" && isWanted(held)) queue(held);
    advance();
  }

  /** Runs in the background: a model leaves when its last jobs have ended. */
  function unloadLater(...asked: Parameters<typeof unload>): void {
    unload(...asked).catch((error: unknown) => logDefect(asked[0], error));
  }

  /** Only logs: a change of one model that fails must not end the streams of other models. */
  function logDefect({ name }: ModelHost, error: unknown): void {
    log.error({ model: name, err: error }, "model_change_failed");
  }

  function forgetExpiry(held: Residency): void {
    held.expiry?.timer.cancel();
    held.expiry = undefined;
  }

  function startExpiry(held: Residency): void {
    forgetExpiry(held);
    const { host, leases } = held;
    const ms = stayMs(held);
    if (isPinned(held) || ms === Infinity || host.state.name !== "ready" || leases.size + held.paused.size > 0) return;
    const timer = clock.setTimeout(() => unloadLater(host, "idle"), ms);
    held.expiry = { at: clock.now() + ms, timer };
  }

  function forgetLease(held: Residency, lease: Lease): boolean {
    const isOpen = held.leases.delete(lease) || held.paused.delete(lease);
    held.unused.check();
    return isOpen;
  }

  /** Called when a job or query no longer needs the model. One that only lane jobs need may leave. */
  function rest(held: Residency): void {
    if (held.leases.size === 0) {
      startExpiry(held);
      if (line.delete(held)) held.host.giveWay();
    }
    if (!isBusy(held)) advance();
  }

  /** @param retryMs time after a failed load in which the model is not tried again */
  function want(host: ModelHost, lease: Lease | undefined, retryMs: number): void {
    if (closed) return;
    const held = residencyOf(host);
    const { name } = host.state;
    if (lease === undefined || !laneLeases.has(lease)) held.usedAt = clock.now();
    forgetExpiry(held);
    if (lease !== undefined) held.leases.add(lease);
    if (name === "ready") return startExpiry(held);
    if (name === "failed" && clock.now() - held.failedAt < retryMs) return;
    if (lease === undefined) held.leases.add(byName);
    // The model may have waited for lane jobs only.
    if (line.has(held)) return advance();
    if (!held.removed && (name === "unloaded" || name === "failed")) queue(held);
  }

  function use(host: ModelHost, isForLane = false): Lease {
    const lease: Lease = {
      end(job) {
        const held = residencies.get(host);
        if (held === undefined || !forgetLease(held, lease) || closed) return;
        if (job !== undefined && !isForLane) {
          held.usedAt = clock.now();
          held.keepAliveMs = job.spec.when.keepAliveMs;
        }
        rest(held);
      },
      pause() {
        const held = residencies.get(host);
        if (held?.leases.delete(lease) !== true) return;
        held.paused.add(lease);
        if (!closed) rest(held);
      },
      resume() {
        if (residencies.get(host)?.paused.delete(lease) === true) want(host, lease, retryAfterMs);
      },
    };
    if (isForLane) laneLeases.add(lease);
    want(host, lease, retryAfterMs);
    return lease;
  }

  function onState(held: Residency, state: ModelHost["state"]["name"]): void {
    if (state === "ready") {
      held.loadedAt = clock.now();
      forgetLease(held, byName);
      startExpiry(held);
    }
    if (state === "failed") {
      held.failedAt = clock.now();
      forgetLease(held, byName);
      line.delete(held);
    }
    // Call `advance` in a later turn, because the caller that changes the state has not finished yet.
    if (state === "ready" || state === "failed") queueMicrotask(() => closed || advance());
  }

  return {
    budget,
    get usedBytes() {
      return tenants().reduce((bytes, tenant) => bytes + tenant.bytes, 0);
    },
    add(host, stay) {
      const [leases, paused] = [new Set<Lease>(), new Set<Lease>()];
      const held: Residency = {
        host,
        stay,
        plan: undefined,
        preparing: undefined,
        between: [],
        leases,
        paused,
        unused: createCondition(() => leases.size + paused.size === 0),
        leaving: false,
        removed: false,
        usedAt: -Infinity,
        loadedAt: 0,
        failedAt: -Infinity,
        keepAliveMs: undefined,
        expiry: undefined,
      };
      residencies.set(host, held);
      host.state.onChange((name) => onState(held, name));
    },
    async remove(host, reason) {
      const held = residencyOf(host);
      forgetLease(held, byName);
      held.leaving = true;
      if (held.leases.size + held.paused.size > 0) await held.unused.wait();
      held.removed = true;
      await unload(host, reason);
      forgetExpiry(held);
      residencies.delete(host);
      advance();
    },
    use,
    load: (host) => want(host, undefined, retryAfterMs),
    loadNow: (host) => want(host, undefined, 0),
    isWanted(host) {
      const held = residencies.get(host);
      return held !== undefined && !closed && isWanted(held);
    },
    unload,
    keep(host, ms) {
      const held = residencyOf(host);
      held.keepAliveMs = ms;
      startExpiry(held);
    },
    expiresAt: (host) => residencies.get(host)?.expiry?.at,
    know(host, plan) {
      const held = residencies.get(host);
      if (held !== undefined) held.plan = plan;
    },
    memoryOf: (host) => residencies.get(host)?.plan?.memory,
    shortage(bytes, beside) {
      const others = tenants().filter(({ key, pinned }) => pinned || beside.some((host) => host.key === key));
      return shortage(bytes, others, budget, "models that stay");
    },
    close() {
      closed = true;
      again?.cancel();
      line.clear();
      for (const held of residencies.values()) forgetExpiry(held);
    },
  };
}

const phases: Readonly<Partial<Record<ModelHost["state"]["name"], Tenant["phase"]>>> = {
  loading: "loading",
  ready: "loaded",
  unloading: "leaving",
};
