// Owns which models are in memory: loads models when there is memory, and unloads idle models or models whose memory other models need.
// This file applies the policy in `eviction`. The pool stops no job: a model is unloaded when its running jobs have ended.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Job } from "@waggle/jobs";
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

export interface Resident {
  readonly host: ModelHost;
  /** Whether the model must stay in memory, even if it is idle or another model needs the memory. */
  readonly pinned: () => boolean;
  /** How long the model stays after its last job, in ms, unless that job set a time; Infinity to stay forever. */
  readonly keepAliveMs: () => number;
  /**
   * Finds the model's file and memory needs; without a promise when they are known already.
   * @throws Error with the reason why the model cannot be loaded
   */
  readonly prepare: () => LoadPlan | Promise<LoadPlan>;
}

export type UnloadReason = "idle" | "memory" | "asked" | "replaced" | "removed";

export interface PoolOptions {
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onUnload: (host: ModelHost, reason: UnloadReason) => void;
}

export interface Pool {
  readonly budget: Budget;
  /** Memory of all models that are being loaded, loaded, or being unloaded. */
  readonly usedBytes: number;
  add(resident: Resident): void;
  /** Removes the model for good; resolves when its engine has ended. */
  remove(host: ModelHost, reason: UnloadReason): Promise<void>;
  /**
   * Loads the model for a job or a query, if it is not loaded. A failed load is tried again after 30 s. The caller calls `endUse` later.
   */
  use(host: ModelHost): void;
  /** Ends a `use`: the job has been accepted or refused, or the query has been answered. */
  endUse(host: ModelHost): void;
  /** Loads the model without a job. A failed load is tried again after 30 s. */
  load(host: ModelHost): void;
  /** Loads the model for a request that names it. A failed load is tried again at once. */
  loadNow(host: ModelHost): void;
  /** Whether the model must load as soon as there is memory: for a job, a query, or a request that names the model. */
  isWanted(host: ModelHost): boolean;
  /** Unloads the model; resolves when its engine has exited. If jobs wait for the model, it is loaded again after `between` has run. */
  unload(host: ModelHost, reason: UnloadReason, between?: () => void): Promise<void>;
  /** Call when the model's last job has ended. */
  onIdle(host: ModelHost, last: Job): void;
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

interface Residency {
  readonly resident: Resident;
  plan: LoadPlan | undefined;
  /** Defined while `prepare` runs. */
  preparing: Promise<LoadPlan> | undefined;
  /** Work to do once the engine has exited, before the model is loaded again. */
  readonly between: (() => void)[];
  /** Why the model must load: for a job, or for a request that names the model and does not depend on jobs. */
  wantedBy: "job" | "name" | undefined;
  /** Number of calls of `use` without `endUse`: jobs that are not yet accepted or refused, and open queries. */
  coming: number;
  /** Whether `remove` was called. */
  removed: boolean;
  usedAt: number;
  loadedAt: number;
  failedAt: number;
  /** Set by the last job, or by the request that loaded the model; undefined: as configured. */
  keepAliveMs: number | undefined;
  expiry: { readonly at: number; readonly timer: TimerHandle } | undefined;
}

export function createPool({ budget, clock, log, onUnload }: PoolOptions): Pool {
  const residencies = new Map<ModelHost, Residency>();
  /** The models waiting to load, in the order of their requests. */
  const line = new Set<Residency>();
  let again: TimerHandle | undefined;
  let closed = false;

  function residencyOf(host: ModelHost): Residency {
    const found = residencies.get(host);
    if (found === undefined) throw new Error(`Model ${host.name} is not in the pool`);
    return found;
  }

  function bytesOf({ plan, resident: { host } }: Residency): number {
    return Math.max(plan?.memory?.total ?? 0, host.readings.rssBytes);
  }

  function tenants(): readonly Tenant[] {
    return [...residencies.values()].flatMap((held) => {
      const { host, pinned } = held.resident;
      const phase = phases[host.state.name];
      if (phase === undefined) return [];
      const { usedAt, loadedAt } = held;
      const busy = hasJobs(held);
      return [{ key: host.key, bytes: bytesOf(held), phase, pinned: pinned(), busy, usedAt, loadedAt }];
    });
  }

  function queue(held: Residency): void {
    const { host } = held.resident;
    if (host.state.name !== "waiting") host.wait("it waits for its turn");
    if (held.preparing !== undefined) return;
    try {
      const plan = held.resident.prepare();
      if (!(plan instanceof Promise)) return prepared(held, plan);
      held.preparing = plan;
      // A swap may have changed the file meanwhile.
      const isMeant = (): boolean => held.preparing === plan;
      plan
        .then(
          (found) => void (isMeant() && prepared(held, found)),
          (error: unknown) => void (isMeant() && failed(held, error)),
        )
        .catch((error: unknown) => logDefect(held.resident.host, error));
    } catch (error) {
      failed(held, error);
    }
  }

  function prepared(held: Residency, plan: LoadPlan): void {
    held.preparing = undefined;
    held.plan = plan;
    const { host } = held.resident;
    // The model may have been unloaded or removed meanwhile.
    const waits = host.state.name === "waiting" || host.state.name === "downloading";
    if (closed || !waits || !residencies.has(host)) return;
    if (isWanted(held)) line.add(held);
    else host.giveWay();
    advance();
  }

  function failed(held: Residency, error: unknown): void {
    held.preparing = undefined;
    if (closed || !residencies.has(held.resident.host)) return;
    held.resident.host.fail(error instanceof Error ? error.message : String(error));
  }

  function isWanted(held: Residency): boolean {
    return !held.removed && (held.wantedBy !== undefined || hasJobs(held));
  }

  function hasJobs({ coming, resident: { host } }: Residency): boolean {
    return coming > 0 || host.registry.liveCount > 0;
  }

  /** Loads the models that fit, in the order of their requests. If small models overtook large ones, the large ones could wait forever. */
  function advance(): void {
    again?.cancel();
    again = undefined;
    for (const held of line) {
      if (closed) return;
      const { host } = held.resident;
      const admission = admit(bytesOf(held), tenants(), budget, clock.now());
      if (admission.kind === "wait" || admission.kind === "evict") return makeRoom(held, admission);
      line.delete(held);
      if (admission.kind === "fits") host.load();
      else host.fail(`Cannot load model ${host.name}: ${admission.reason}.`);
    }
  }

  function makeRoom(
    { resident: { host } }: Residency,
    admission: Extract<ReturnType<typeof admit>, { kind: "wait" | "evict" }>,
  ): void {
    if (admission.kind === "evict") {
      for (const { resident } of [...residencies.values()]) {
        if (admission.keys.includes(resident.host.key)) unloadLater(resident.host, "memory", { for: host.name });
      }
    } else if (admission.untilMs !== undefined) {
      again = clock.setTimeout(advance, Math.max(0, admission.untilMs - clock.now()));
    }
  }

  async function unload(
    host: ModelHost,
    reason: UnloadReason,
    { between, ...why }: { readonly between?: () => void; readonly for?: string } = {},
  ): Promise<void> {
    const held = residencyOf(host);
    forgetExpiry(held);
    line.delete(held);
    held.wantedBy = undefined;
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
    const { host, pinned, keepAliveMs } = held.resident;
    const ms = held.keepAliveMs ?? keepAliveMs();
    if (pinned() || ms === Infinity || host.state.name !== "ready" || hasJobs(held)) return;
    const timer = clock.setTimeout(() => unloadLater(host, "idle"), ms);
    held.expiry = { at: clock.now() + ms, timer };
  }

  /** Called when no job uses the model or waits for it. */
  function rest(held: Residency): void {
    startExpiry(held);
    if (held.wantedBy === "job") held.wantedBy = undefined;
    if (held.wantedBy === undefined && line.delete(held)) held.resident.host.giveWay();
    advance();
  }

  /** @param retryMs time after a failed load in which the model is not tried again */
  function want(host: ModelHost, by: "job" | "name", retryMs: number): void {
    if (closed) return;
    const held = residencyOf(host);
    held.usedAt = clock.now();
    forgetExpiry(held);
    const { name } = host.state;
    if (name === "ready") return startExpiry(held);
    if (name === "failed" && clock.now() - held.failedAt < retryMs) return;
    held.wantedBy = by === "job" ? (held.wantedBy ?? "job") : "name";
    if (!held.removed && (name === "unloaded" || name === "failed")) queue(held);
  }

  function onState(held: Residency, state: ModelHost["state"]["name"]): void {
    if (state === "ready") {
      held.loadedAt = clock.now();
      held.wantedBy = undefined;
      startExpiry(held);
    }
    if (state === "failed") {
      held.failedAt = clock.now();
      held.wantedBy = undefined;
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
    add(resident) {
      const held: Residency = {
        resident,
        plan: undefined,
        preparing: undefined,
        between: [],
        wantedBy: undefined,
        coming: 0,
        removed: false,
        usedAt: clock.now(),
        loadedAt: 0,
        failedAt: -Infinity,
        keepAliveMs: undefined,
        expiry: undefined,
      };
      residencies.set(resident.host, held);
      resident.host.state.onChange((name) => onState(held, name));
    },
    async remove(host, reason) {
      const held = residencyOf(host);
      held.removed = true;
      await unload(host, reason);
      forgetExpiry(held);
      residencies.delete(host);
      advance();
    },
    use(host) {
      if (closed) return;
      residencyOf(host).coming += 1;
      want(host, "job", retryAfterMs);
    },
    load: (host) => want(host, "name", retryAfterMs),
    loadNow: (host) => want(host, "name", 0),
    endUse(host) {
      const held = residencies.get(host);
      if (held === undefined || closed) return;
      held.coming -= 1;
      if (!hasJobs(held)) rest(held);
    },
    isWanted(host) {
      const held = residencies.get(host);
      return held !== undefined && !closed && isWanted(held);
    },
    unload: (host, reason, between) => unload(host, reason, between === undefined ? {} : { between }),
    onIdle(host, { spec }) {
      const held = residencies.get(host);
      if (held === undefined || closed) return;
      held.usedAt = clock.now();
      held.keepAliveMs = spec.when.keepAliveMs;
      if (!hasJobs(held)) rest(held);
    },
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
