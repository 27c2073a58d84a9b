// Runs the scheduling point between two passes: frees slots, gives slots to jobs, has the jobs begin, and makes room for the next pass. While a slot
// decodes, a scheduling point does few transfers.
import type { Backend } from "../port/backend.ts";
import { cacheScopeOf } from "../port/cache-scope.ts";
import { createKvOffload, type KvOffload, type KvOffloadOptions } from "../kv/kv-offload.ts";
import type { Pacing } from "../schedule/costs/pacing.ts";
import { shapeOf } from "../schedule/costs/step-shape.ts";
import { contextCapacity } from "../port/info.ts";
import { createAdmission, type WaitingJob } from "../schedule/admit.ts";
import { createContextPool } from "../schedule/pool.ts";
import { cachedTokens } from "../schedule/prefix.ts";
import { servedIn } from "../schedule/lane-runs.ts";
import {
  freeSlot,
  missingOf,
  runsIn,
  alignTargets,
  reusableOf,
  targetNextBranch,
  type DecideRun,
  type Run,
  type Releasing,
  type Slot,
} from "../schedule/slots.ts";
import { endingEvents } from "../sequence/ending.ts";
import { generatorOf, type PreparedEmbed, type PreparedSlotJob } from "../sequence/prepare.ts";
import { commonPrefix } from "../kv/common-prefix.ts";
import { createLending } from "../schedule/lend-slots.ts";
import { createBeginJobs } from "./begin-jobs.ts";
import type { Outbox } from "./outbox.ts";

export interface SchedulingPointOptions extends KvOffloadOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly addTexts: (prepared: PreparedEmbed) => void;
  /** Waiting jobs by job id, in the order of their arrival. */
  readonly waiting: Map<string, WaitingJob>;
  readonly outbox: Outbox;
  readonly headroomCells?: number | undefined;
  /** Milliseconds that a step of this shape takes; undefined before the first measurement. */
  readonly stepMs: Pacing["stepMs"];
  /** Asks for another scheduling point, even if there is nothing to compute. */
  readonly wake: () => void;
}

export interface Arrival {
  /** Number of forward passes that have ended. */
  readonly passes: number;
  /** True when the engine is idle, so that the cache of an idle slot may be saved. */
  readonly maintenance: boolean;
  /** Called when a transfer of a snapshot has begun and leaves this thread free. */
  readonly underway: () => void;
}

export interface SchedulingPoint {
  run(arrival: Arrival): Promise<void>;
  readonly reportUnderway: KvOffload["reportUnderway"];
  /** Returns how many of the prompt's first tokens a cache holds now. */
  cachedTokens(prepared: PreparedSlotJob): number;
}

export function createSchedulingPoint(options: SchedulingPointOptions): SchedulingPoint {
  const { backend, slots, outbox, now } = options;
  const offload = createKvOffload(options);
  const pool = createContextPool({ ...options, offload, addEvent: (event) => outbox.add(event) });
  const admit = createAdmission({
    ...options,
    pool,
    saves: offload.saves,
    addEvents: (events) => outbox.add(...events),
  });
  const lending = createLending({ ...options, pool, offload });
  const beginJobs = createBeginJobs({ ...options, offload, pool, endJob });
  /** Number of passes that had ended when this scheduling point was reached. */
  let lastPasses = 0;

  async function releaseEnded(): Promise<void> {
    // Search all slots again each time, because a cancel may arrive while the backend ends another slot's work.
    for (let state = findReleasing(); state !== undefined; state = findReleasing()) {
      const { slot } = state.run;
      if (state.hasBegun) await generatorOf(backend).end(slot.id);
      endJob(state);
    }
  }

  function findReleasing(): Releasing | undefined {
    return slots.map(({ state }) => state).find((state) => state.kind === "releasing");
  }

  function endJob({ run, ending }: Releasing): void {
    outbox.add(...endingEvents(run.sequence, ending, lastPasses, now()));
    freeSlot(run.slot, lastPasses);
  }

  /** Returns a tile where fewer tokens cost more: attention computes them one by one. */
  function cheapestLength(tokens: number, held: number): number {
    const generator = generatorOf(backend);
    const { attentionTile: tile } = generator;
    if (tokens >= tile) return tokens;
    const priceOf = (count: number): number =>
      options.stepMs(shapeOf([{ slot: 0, tokens: count, held, decodes: false }], generator)) ?? count;
    return priceOf(tile) < priceOf(tokens) ? tile : tokens;
  }

  /** Gives the decide jobs that have computed their targets the next branches, and cuts their slots back to what these branches begin with. */
  async function beginBranches(): Promise<void> {
    const isReady = (run: Run): run is DecideRun => run.kind === "decision" && missingOf(run) === 0;
    const runs = runsIn(slots, "prefilling").filter(isReady).filter(targetNextBranch);
    const bySequence = new Map(runs.map(({ sequence }) => [sequence, runs.filter((run) => run.sequence === sequence)]));
    const { contextSize, contextPool } = backend.info;
    const most = Math.min(contextCapacity(contextSize), contextPool);
    for (const [{ prefixTokens }, together] of bySequence) {
      alignTargets(together, most, (longest) => prefixTokens + cheapestLength(longest - prefixTokens, prefixTokens));
    }
    const generator = generatorOf(backend);
    for (const run of runs) {
      const { slot, prepared, target } = run;
      const keep = commonPrefix(slot.held, target, reusableOf(run));
      if (keep === slot.held.entries.length) continue;
      await generator.end(slot.id);
      slot.held.cut(await generator.begin(slot.id, keep, prepared.sampling, slot.held));
    }
  }

  /** Saves the cache of the least recently used idle slot in advance, so that the next job does not wait for the save. */
  async function writeBehind(): Promise<void> {
    const next = slots
      .filter((slot) => slot.state.kind === "idle" && slot.writtenBehind !== true)
      .toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (next === undefined) return;
    next.writtenBehind = !offload.wouldLose(next, 0) || (await offload.save(next));
  }

  /** Returns the most transfers at this scheduling point: with decoding slots, the number of beginning jobs per decoding slot, at least 1. */
  function transfersAllowed(): number {
    const [decoding, beginning] = [servedIn(slots, "decoding").length, servedIn(slots, "beginning").length];
    return decoding === 0 ? Infinity : Math.max(1, Math.floor(beginning / decoding));
  }

  return {
    reportUnderway: offload.reportUnderway,
    cachedTokens(prepared) {
      const found = cachedTokens(prepared.prompt, cacheScopeOf(prepared), { slots, store: offload.store });
      return Math.min(prepared.reusableTokens, found);
    },
    async run({ passes, maintenance, underway }) {
      lastPasses = passes;
      lending.takeBack();
      await releaseEnded();
      admit();
      lending.lend();
      offload.open(transfersAllowed(), underway);
      await beginJobs();
      if (backend.generator !== undefined) await beginBranches();
      await pool.makeRoom(releaseEnded);
      const reading = servedIn(slots, "beginning", "prefilling").length > 0;
      if (!reading && (maintenance || servedIn(slots, "decoding").length > 0)) await writeBehind();
    },
  };
}
