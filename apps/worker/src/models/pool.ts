// Owns which models are in memory: it lets them load when there is room, has others leave for them, and those that nobody has asked for in a while.
// The policy is `placement`; here is what happens when. It kills nothing: a model leaves when its running jobs have ended.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Job } from "@waggle/jobs";
import type { ModelMemory } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { ModelHost } from "./model-host-port.ts";
import { place, shortage } from "./placement.ts";
import type { Budget, Tenant } from "./placement.ts";

/** What is known of a model before it is loaded. */
export interface LoadPlan {
  /** Undefined where nothing is known of it, as of the fake one: it takes no part of the budget. */
  readonly memory: ModelMemory | undefined;
}

/** A model that may be in memory. */
export interface Resident {
  readonly host: ModelHost;
  /** Never leaves for another one, nor because nobody asks for it. */
  readonly pinned: () => boolean;
  /** How long it stays after its last job, in ms, unless that job has said; Infinity for ever. */
  readonly keepAliveMs: () => number;
  /** Finds its file and what it takes; known already where no promise comes back. @throws Error with the reason why it cannot be loaded */
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
  /** Of models that are in memory, or on their way in or out. */
  readonly usedBytes: number;
  add(resident: Resident): void;
  /** Resolves when its engine is gone; it does not come back, whoever wants it. */
  remove(host: ModelHost, reason: UnloadReason): Promise<void>;
  /**
   * A job or a question is about to come to it, and `settled` is to follow: loads it, if it is not here. What failed is tried again after a
   * while. `needed`: also where no job waits, and nothing follows. `asked` by name: likewise, and at once.
   */
  want(host: ModelHost, asked?: "needed" | "asked"): void;
  /** The job that it was wanted for has been accepted or refused, or the question has been answered. */
  settled(host: ModelHost): void;
  /** Whether it loads as soon as it can: there are jobs or questions for it, or somebody has asked for it. */
  isWanted(host: ModelHost): boolean;
  /** Resolves when its engine is gone. Where jobs wait for it, it comes back; what is done between, it finds. */
  unload(host: ModelHost, reason: UnloadReason, between?: () => void): Promise<void>;
  /** A job of it has ended, and there is no other. */
  onIdle(host: ModelHost, last: Job): void;
  /** How long it is to stay from now on without a job, in ms; undefined: as configured. */
  keep(host: ModelHost, ms: number | undefined): void;
  /** When it is to leave if nobody asks for it, in ms of the clock; undefined: it stays. */
  expiresAt(host: ModelHost): number | undefined;
  /** Something better is known of it than before, or something at all. */
  know(host: ModelHost, plan: LoadPlan): void;
  memoryOf(host: ModelHost): ModelMemory | undefined;
  /** Why so many bytes more would find no room beside these and all pinned ones, should all others leave; undefined where they would. */
  shortage(bytes: number, beside: readonly ModelHost[]): string | undefined;
  /** Nothing is loaded from now on, and no timer is left. */
  close(): void;
}

/** What could not be loaded is not tried again before. */
const retryAfterMs = 30_000;

interface Place {
  readonly resident: Resident;
  plan: LoadPlan | undefined;
  /** While its file is being found. */
  preparing: Promise<LoadPlan> | undefined;
  /** To be done once its engine is gone, before anything is loaded again. */
  readonly between: (() => void)[];
  /** Who wants it, while it is not here: a job, or somebody by its name, who waits whatever becomes of jobs. */
  wantedBy: "job" | "name" | undefined;
  /** Jobs that are neither accepted nor refused yet, and questions. */
  coming: number;
  /** It is about to leave for ever. */
  removed: boolean;
  usedAt: number;
  loadedAt: number;
  failedAt: number;
  /** Of the last job that said so, or who loaded it. */
  keepAliveMs: number | undefined;
  expiry: { readonly at: number; readonly timer: TimerHandle } | undefined;
}

export function createPool({ budget, clock, log, onUnload }: PoolOptions): Pool {
  const places = new Map<ModelHost, Place>();
  /** Those that are to load, the first to have come first. */
  const line = new Set<Place>();
  let again: TimerHandle | undefined;
  let closed = false;

  function placeOf(host: ModelHost): Place {
    const found = places.get(host);
    if (found === undefined) throw new Error(`Nobody has said that ${host.name} may load`);
    return found;
  }

  function bytesOf({ plan, resident: { host } }: Place): number {
    return Math.max(plan?.memory?.total ?? 0, host.residentBytes ?? 0);
  }

  function tenants(): readonly Tenant[] {
    return [...places.values()].flatMap((held) => {
      const { host, pinned } = held.resident;
      const phase = phases[host.state.name];
      if (phase === undefined) return [];
      const { usedAt, loadedAt } = held;
      const busy = hasJobs(held);
      return [{ key: host.key, bytes: bytesOf(held), phase, pinned: pinned(), busy, usedAt, loadedAt }];
    });
  }

  function queue(held: Place): void {
    const { host } = held.resident;
    if (host.state.name !== "waiting") host.wait("it waits for its turn");
    if (held.preparing !== undefined) return;
    try {
      const plan = held.resident.prepare();
      if (!(plan instanceof Promise)) return prepared(held, plan);
      held.preparing = plan;
      // Another file may have taken its place meanwhile.
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

  function prepared(held: Place, plan: LoadPlan): void {
    held.preparing = undefined;
    held.plan = plan;
    const { host } = held.resident;
    // It may have been unloaded meanwhile, or have been removed.
    const waits = host.state.name === "waiting" || host.state.name === "downloading";
    if (closed || !waits || !places.has(host)) return;
    if (isWanted(held)) line.add(held);
    else host.giveWay();
    advance();
  }

  function failed(held: Place, error: unknown): void {
    held.preparing = undefined;
    if (closed || !places.has(held.resident.host)) return;
    held.resident.host.fail(error instanceof Error ? error.message : String(error));
  }

  function isWanted(held: Place): boolean {
    return !held.removed && (held.wantedBy !== undefined || hasJobs(held));
  }

  function hasJobs({ coming, resident: { host } }: Place): boolean {
    return coming > 0 || host.registry.liveCount > 0;
  }

  /** Lets load what fits, in the order in which they have come: a small one that overtook the others would keep them waiting for ever. */
  function advance(): void {
    again?.cancel();
    again = undefined;
    for (const held of line) {
      if (closed) return;
      const { host } = held.resident;
      const placement = place(bytesOf(held), tenants(), budget, clock.now());
      if (placement.kind === "wait" || placement.kind === "evict") return makeRoom(held, placement);
      line.delete(held);
      if (placement.kind === "fits") host.load();
      else host.fail(`Cannot load model ${host.name}: ${placement.reason}.`);
    }
  }

  function makeRoom(
    { resident: { host } }: Place,
    placement: Extract<ReturnType<typeof place>, { kind: "wait" | "evict" }>,
  ): void {
    if (placement.kind === "evict") {
      for (const { resident } of [...places.values()]) {
        if (placement.keys.includes(resident.host.key)) unloadLater(resident.host, "memory", { for: host.name });
      }
    } else if (placement.untilMs !== undefined) {
      again = clock.setTimeout(advance, Math.max(0, placement.untilMs - clock.now()));
    }
  }

  async function unload(
    host: ModelHost,
    reason: UnloadReason,
    { between, ...why }: { readonly between?: () => void; readonly for?: string } = {},
  ): Promise<void> {
    const held = placeOf(host);
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
    // Whoever waited first goes on first, and may have it load: what is to be done before that is done by then, whoever asked for it.
    const changes = held.between.splice(0);
    if (changes.length > 0) held.preparing = undefined;
    for (const change of changes) change();
    if (closed || places.get(host) !== held) return;
    if (host.state.name === "unloaded" && isWanted(held)) queue(held);
    advance();
  }

  /** Runs in the background: a model leaves when its last jobs have ended. */
  function unloadLater(...asked: Parameters<typeof unload>): void {
    unload(...asked).catch((error: unknown) => logDefect(asked[0], error));
  }

  /** One model's change that fails ends no other model's streams. */
  function logDefect({ name }: ModelHost, error: unknown): void {
    log.error({ model: name, err: error }, "model_change_failed");
  }

  function forgetExpiry(held: Place): void {
    held.expiry?.timer.cancel();
    held.expiry = undefined;
  }

  function startExpiry(held: Place): void {
    forgetExpiry(held);
    const { host, pinned, keepAliveMs } = held.resident;
    const ms = held.keepAliveMs ?? keepAliveMs();
    if (pinned() || ms === Infinity || host.state.name !== "ready" || hasJobs(held)) return;
    const timer = clock.setTimeout(() => unloadLater(host, "idle"), ms);
    held.expiry = { at: clock.now() + ms, timer };
  }

  /** No job has it stay, or wait for its turn. */
  function rest(held: Place): void {
    startExpiry(held);
    if (held.wantedBy === "job") held.wantedBy = undefined;
    if (held.wantedBy === undefined && line.delete(held)) held.resident.host.giveWay();
    advance();
  }

  function onState(held: Place, state: ModelHost["state"]["name"]): void {
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
    // In a turn of its own: who changes a state has not finished with it.
    if (state === "ready" || state === "failed") queueMicrotask(() => closed || advance());
  }

  return {
    budget,
    get usedBytes() {
      return tenants().reduce((bytes, tenant) => bytes + tenant.bytes, 0);
    },
    add(resident) {
      const held: Place = {
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
      places.set(resident.host, held);
      resident.host.state.onChange((name) => onState(held, name));
    },
    async remove(host, reason) {
      const held = placeOf(host);
      held.removed = true;
      await unload(host, reason);
      forgetExpiry(held);
      places.delete(host);
      advance();
    },
    want(host, asked) {
      if (closed) return;
      const held = placeOf(host);
      held.usedAt = clock.now();
      if (asked === undefined) held.coming += 1;
      forgetExpiry(held);
      const { name } = host.state;
      if (name === "ready") return startExpiry(held);
      if (name === "failed" && asked !== "asked" && clock.now() - held.failedAt < retryAfterMs) return;
      held.wantedBy = asked === undefined ? (held.wantedBy ?? "job") : "name";
      if (!held.removed && (name === "unloaded" || name === "failed")) queue(held);
    },
    settled(host) {
      const held = places.get(host);
      if (held === undefined || closed) return;
      held.coming -= 1;
      if (!hasJobs(held)) rest(held);
    },
    isWanted(host) {
      const held = places.get(host);
      return held !== undefined && !closed && isWanted(held);
    },
    unload: (host, reason, between) => unload(host, reason, between === undefined ? {} : { between }),
    onIdle(host, { spec }) {
      const held = places.get(host);
      if (held === undefined || closed) return;
      held.usedAt = clock.now();
      held.keepAliveMs = spec.keepAliveMs;
      if (!hasJobs(held)) rest(held);
    },
    keep(host, ms) {
      const held = placeOf(host);
      held.keepAliveMs = ms;
      startExpiry(held);
    },
    expiresAt: (host) => places.get(host)?.expiry?.at,
    know(host, plan) {
      const held = places.get(host);
      if (held !== undefined) held.plan = plan;
    },
    memoryOf: (host) => places.get(host)?.plan?.memory,
    shortage(bytes, beside) {
      const others = tenants().filter(({ key, pinned }) => pinned || beside.some((host) => host.key === key));
      return shortage(bytes, others, budget, "models that stay");
    },
    close() {
      closed = true;
      again?.cancel();
      line.clear();
      for (const held of places.values()) forgetExpiry(held);
    },
  };
}

const phases: Readonly<Partial<Record<ModelHost["state"]["name"], Tenant["phase"]>>> = {
  loading: "loading",
  ready: "loaded",
  unloading: "leaving",
};
