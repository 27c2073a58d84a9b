// Runs the scheduling point between two passes: frees slots, gives slots to jobs, begins each job with the longest prefix that is cheaper to transfer than
// to compute, and makes room for the next pass. While a slot decodes, a scheduling point does few transfers.
import type { Backend } from "../port/backend.ts";
import type { KvSnapshot } from "../port/kv.ts";
import type { PriorTokens } from "../port/steps.ts";
import { cacheScopeOf } from "../port/cache-scope.ts";
import { commonPrefix, differsAt } from "../kv/common-prefix.ts";
import { createKvOffload, type KvOffloadOptions } from "../kv/kv-offload.ts";
import { createAdmission, type WaitingJob } from "../schedule/admit.ts";
import { createContextPool } from "../schedule/pool.ts";
import { cachedTokens, findPrefixSource } from "../schedule/prefix.ts";
import {
  beginSlot,
  copySlot,
  freeSlot,
  loadSlot,
  releaseSlot,
  reusableOf,
  runsIn,
  type Beginning,
  type Releasing,
  type Run,
  type Slot,
} from "../schedule/slots.ts";
import { endingEvents } from "../sequence/ending.ts";
import { failJob } from "../sequence/fail-job.ts";
import { generatorOf, type PreparedEmbed, type PreparedGenerate } from "../sequence/prepare.ts";
import type { Outbox } from "./outbox.ts";

export interface SchedulingPointOptions extends KvOffloadOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly addTexts: (prepared: PreparedEmbed) => void;
  /** Waiting jobs by job id, in the order of their arrival. */
  readonly waiting: Map<string, WaitingJob>;
  readonly outbox: Outbox;
  readonly headroomCells?: number | undefined;
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
  /** Returns how many of the prompt's first tokens a cache holds now. */
  cachedTokens(prepared: PreparedGenerate): number;
}

export function createSchedulingPoint(options: SchedulingPointOptions): SchedulingPoint {
  const { backend, slots, outbox, now } = options;
  const offload = createKvOffload(options);
  const pool = createContextPool({ ...options, offload, addEvent: (event) => outbox.add(event) });
  const admit = createAdmission({ ...options, pool, addEvents: (events) => outbox.add(...events) });
  /** Number of passes that had ended when this scheduling point was reached. */
  let lastPasses = 0;

  async function releaseEnded(): Promise<void> {
    // Search all slots again each time, because a cancel may arrive while the backend ends another slot's work.
    for (let state = findReleasing(); state !== undefined; state = findReleasing()) {
      const { slot } = state.run;
      if (state.hasBegun) await generatorOf(backend).end(slot.id, slot.held.reusable.length);
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

  async function beginJobs(): Promise<void> {
    for (const slot of slots) {
      // Repeat after each transfer, because the next transfer may load the snapshot that this one saved.
      while (slot.state.kind === "beginning" && (await advance(slot.state)));
    }
  }

  /**
   * Does one transfer for this job, or frees cells for it, or begins the job. Returns false when nothing more can be done at this scheduling point.
   * The loop that calls this function ends: each slot is saved at most once per job, each copy adds tokens to the slot, and each load adds tokens or
   * removes a snapshot from the index.
   */
  async function advance(state: Beginning): Promise<boolean> {
    const { store, pays, copies } = offload;
    const { slot } = state.run;
    const source = findPrefixSource(state, { slots, store, pays, copies, hasRoom: pool.hasRoom });
    if (source.kind === "wait") return false;
    if (source.kind === "save") return await save(source.slot, state);
    const staying = source.kind === "load" ? 0 : state.keepTokens;
    if (!state.saved.has(slot) && offload.wouldLose(slot, staying)) return await save(slot, state);
    if (source.kind === "load") {
      const { state: snapshot } = source;
      return (await pool.freeFor(snapshot.entries.length, slot)) || (await load(state, snapshot));
    }
    if (source.kind === "copy") {
      const { slot: from, keepTokens } = source;
      const copied = from.held.entries.length;
      return (await pool.freeFor(copied, slot, from)) || (await copy(from, state, keepTokens));
    }
    await begin(state.run, source.keepTokens);
    return true;
  }

  async function save(slot: Slot, { saved }: Beginning): Promise<boolean> {
    if (!(await offload.save(slot))) return false;
    saved.add(slot);
    return true;
  }

  async function load(state: Beginning, snapshot: KvSnapshot): Promise<boolean> {
    const { run } = state;
    const loaded = await offload.load(run.slot, snapshot);
    if (loaded === undefined) return false;
    loadSlot(run.slot, loaded ? snapshot : undefined);
    // If the job was cancelled during the transfer, the next scheduling point frees the slot with the loaded cache.
    state.keepTokens = commonPrefix(run.slot.held, run.target, reusableOf(run));
    return true;
  }

  async function copy(from: Slot, state: Beginning, keepTokens: number): Promise<boolean> {
    const { slot: to } = state.run;
    const copied = await offload.copy(from, to, keepTokens);
    if (copied === false) return false;
    // Each slot is copied once at most, if the copy fails.
    if (copied === undefined) {
      state.saved.add(from);
      to.held.cut(0);
      await generatorOf(backend).cut(to.id, 0, to.held);
    } else copySlot(from, to, keepTokens);
    state.keepTokens = to.held.entries.length;
    return true;
  }

  async function begin(run: Run, keepTokens: number): Promise<void> {
    const { slot, prepared, target, sequence } = run;
    const hadCache = reusableOf(run) > 0 && slot.cacheScope === cacheScopeOf(prepared) && slot.held.entries.length > 0;
    const startMs = now();
    let kept: number;
    try {
      kept = await generatorOf(backend).begin(slot.id, keepTokens, prepared.sampling, slot.held, priorOf(run));
    } catch (thrown) {
      await fail(run, thrown);
      return;
    }
    const differs = hadCache ? { differsAt: differsAt(target, kept, backend.tokenBytes) } : {};
    beginSlot(run, kept);
    // A job that was preempted has started before.
    if (run.preemptedAtMs !== undefined) return;
    const { job, promptTokens, sampling, resumed } = prepared;
    sequence.begin(kept, startMs);
    outbox.add(
      {
        type: "started",
        jobId: job.jobId,
        slot: slot.id,
        promptTokens,
        cachedTokens: Math.min(kept, promptTokens),
        ...differs,
        seed: sampling.seed,
      },
      ...(resumed?.replayed.events ?? []),
    );
  }

  /** Fails only the job that cannot begin. The slot's contents are unknown, so they are discarded. */
  async function fail({ slot, prepared }: Run, thrown: unknown): Promise<void> {
    const failure = failJob(thrown, { jobId: prepared.job.jobId, task: "begin the job" }, options.emit);
    slot.held.cut(0);
    await generatorOf(backend).cut(slot.id, 0, slot.held);
    // If the job was cancelled before the failure, the job ends as cancelled: `releaseSlot` keeps the first ending.
    releaseSlot(slot, { kind: "failed", failure });
    if (slot.state.kind === "releasing") endJob(slot.state);
    // The slot is free for a job that waits, and there may be no pass to compute before the next scheduling point.
    options.wake();
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
    const [decoding, beginning] = [runsIn(slots, "decoding").length, runsIn(slots, "beginning").length];
    return decoding === 0 ? Infinity : Math.max(1, Math.floor(beginning / decoding));
  }

  return {
    cachedTokens(prepared) {
      const found = cachedTokens(prepared.prompt, cacheScopeOf(prepared), { slots, store: offload.store });
      return Math.min(prepared.reusableTokens, found);
    },
    async run({ passes, maintenance, underway }) {
      lastPasses = passes;
      await releaseEnded();
      admit();
      offload.open(transfersAllowed(), underway);
      await beginJobs();
      await pool.makeRoom(releaseEnded);
      const reading = runsIn(slots, "beginning", "prefilling").length > 0;
      if (!reading && (maintenance || runsIn(slots, "decoding").length > 0)) await writeBehind();
    },
  };
}

/** The output that the sampler follows before it samples; undefined without any. */
function priorOf({ prepared, sequence: { ids }, target }: Run): PriorTokens | undefined {
  return ids.length === 0 ? undefined : { ids, discarded: prepared.promptTokens + ids.length - target.length };
}
