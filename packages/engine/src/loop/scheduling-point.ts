// Runs the scheduling point between two passes: frees slots, assigns jobs to slots, begins each job with the longest prefix that
// is cheaper to transfer than to compute, and makes room for the next pass. While a slot decodes, a scheduling point does few transfers.
import { WaggleError, type StoppedBy } from "@waggle/protocol";
import { cacheScopeOf } from "./adapters.ts";
import type { Backend, KvSnapshot } from "../port/backend.ts";
import type { CellNeed } from "./cells.ts";
import { chooseSlot } from "./choose-slot.ts";
import { createContextPool } from "./context-pool.ts";
import { commonPrefix, differsAt } from "../kv/common-prefix.ts";
import type { Embeddings } from "../texts/embeddings.ts";
import type { Outbox } from "./outbox.ts";
import { endingEvents } from "./postprocess.ts";
import { failureOf, generatorOf, type PreparedGenerate, type PreparedJob } from "../sequence/prepare.ts";
import { cachedTokens, findPrefixSource } from "../kv/prefix-source.ts";
import { createKvOffload, type KvOffloadOptions } from "../kv/kv-offload.ts";
import { sequenceFor } from "../sequence/resume.ts";
import type { Accepted } from "../sequence/sequence.ts";
import {
  beginSlot,
  bindSlot,
  copySlot,
  freeSlot,
  loadSlot,
  preparedOf,
  releaseSlot,
  type PendingStart,
  type Slot,
} from "./slots.ts";

/** A choice that has started and has no slot. */
export interface WaitingJob {
  /** The id under which its work is prepared. */
  readonly work: string;
  readonly choice: number;
  /** The prepared choice; undefined until its work is prepared. */
  prepared: PreparedJob | undefined;
}

export interface SchedulingPointOptions extends KvOffloadOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly embeddings: Pick<Embeddings, "add">;
  /** Waiting jobs by job id, in the order of their arrival. */
  readonly waiting: Map<string, WaitingJob>;
  readonly outbox: Outbox;
  readonly headroomCells?: number | undefined;
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
  const { backend, slots, waiting, outbox, now } = options;
  const offload = createKvOffload(options);
  const pool = createContextPool({ ...options, offload });
  /** Number of passes that had ended when this scheduling point was reached. */
  let lastPasses = 0;
  /** Number of jobs that got a slot. */
  let bound = 0;

  async function releaseEnded(): Promise<void> {
    // Search all slots again each time, because a cancel may arrive while the backend ends another slot's work.
    for (let slot = findReleasing(); slot !== undefined; slot = findReleasing()) {
      if (slot.pending === undefined) await generatorOf(backend).end(slot.id, slot.held.reusable.length);
      endJob(slot);
    }
  }

  function endJob(slot: Slot): void {
    outbox.add(...endingEvents(slot, lastPasses, now()));
    freeSlot(slot, lastPasses);
  }

  function findReleasing(): Slot | undefined {
    return slots.find((slot) => slot.state === "releasing");
  }

  /**
   * Assigns waiting jobs to slots, in their order: while a job does not fit into the context pool, no later job overtakes it, so that it does not wait for
   * ever. Parked jobs continue before a new job begins.
   */
  function admitWaiting(): void {
    let hasRoom = pool.unpark();
    for (const [jobId, { prepared }] of waiting) {
      if (prepared?.kind === "embed") {
        waiting.delete(jobId);
        options.embeddings.add(prepared);
      }
      if (prepared?.kind !== "generate") continue;
      hasRoom &&= pool.fits(needOfNew(prepared));
      if (!hasRoom) continue;
      const { prompt, reusableTokens, job } = prepared;
      const { sessionId } = job;
      const choice = chooseSlot(slots, { prompt, reusableTokens, cacheScope: cacheScopeOf(prepared), sessionId });
      if (choice === undefined) continue;
      waiting.delete(jobId);
      // Its time begins now, and not when it was prepared.
      prepared.resumed?.sequence.begin(0, now());
      const begun = prepared.resumed ?? { sequence: sequenceFor(prepared, backend, now()), replayed: nothing };
      bindSlot(choice.slot, { prepared, ...begun, keepTokens: choice.keepTokens, startOrder: (bound += 1) });
    }
  }

  async function beginPending(): Promise<void> {
    for (const slot of slots) {
      // Repeat after each transfer, because the next transfer may load the snapshot that this one saved.
      while (slot.pending !== undefined && slot.state === "prefilling" && (await advance(slot, slot.pending)));
    }
  }

  /**
   * Does one transfer for this job, or frees cells for it, or begins the job. Returns false when nothing more can be done at this scheduling point.
   * The loop that calls this function ends: each slot is saved at most once per job, each copy adds tokens to the slot, and each load adds tokens or
   * removes a snapshot from the index.
   */
  async function advance(slot: Slot, pending: PendingStart): Promise<boolean> {
    const { store, pays, copies } = offload;
    const source = findPrefixSource(slot, { slots, store, pays, copies, hasRoom: pool.hasRoom });
    if (source.kind === "wait") return false;
    if (source.kind === "save") return await save(source.slot, pending);
    const staying = source.kind === "load" ? 0 : pending.keepTokens;
    if (!pending.saved.has(slot) && offload.wouldLose(slot, staying)) return await save(slot, pending);
    if (source.kind === "load") {
      const { state } = source;
      return (await pool.freeFor(state.entries.length, slot)) || (await load(slot, pending, state));
    }
    if (source.kind === "copy") {
      const { slot: from, keepTokens } = source;
      const copied = from.held.entries.length;
      return (await pool.freeFor(copied, slot, from)) || (await copy(from, slot, pending, keepTokens));
    }
    if (pending.replayed?.finish === undefined) await begin(slot, pending, source.keepTokens);
    else finishAtOnce(slot, pending.replayed, pending.replayed.finish);
    return true;
  }

  async function save(slot: Slot, { saved }: PendingStart): Promise<boolean> {
    if (!(await offload.save(slot))) return false;
    saved.add(slot);
    return true;
  }

  async function load(slot: Slot, pending: PendingStart, state: KvSnapshot): Promise<boolean> {
    const loaded = await offload.load(slot, state);
    if (loaded === undefined) return false;
    loadSlot(slot, loaded ? state : undefined);
    // If the job was cancelled during the transfer, the next scheduling point frees the slot with the loaded cache.
    const { prompt, reusableTokens } = preparedOf(slot);
    pending.keepTokens = commonPrefix(slot.held.entries, prompt, reusableTokens);
    return true;
  }

  async function copy(from: Slot, to: Slot, pending: PendingStart, keepTokens: number): Promise<boolean> {
    const copied = await offload.copy(from, to, keepTokens);
    if (copied === false) return false;
    // Each slot is copied once at most, if the copy fails.
    if (copied === undefined) {
      pending.saved.add(from);
      to.held.cut(0);
      await generatorOf(backend).cut(to.id, 0, to.held);
    } else copySlot(from, to, keepTokens);
    pending.keepTokens = to.held.entries.length;
    return true;
  }

  async function begin(slot: Slot, { replayed }: PendingStart, keepTokens: number): Promise<void> {
    const prepared = preparedOf(slot);
    const { job, prompt, promptTokens, reusableTokens, sampling } = prepared;
    const hadCache = reusableTokens > 0 && slot.cacheScope === cacheScopeOf(prepared) && slot.held.entries.length > 0;
    const startMs = now();
    let kept: number;
    try {
      kept = await generatorOf(backend).begin(slot.id, keepTokens, sampling, slot.held);
    } catch (thrown) {
      await fail(slot, job.jobId, thrown);
      return;
    }
    beginSlot(slot, kept);
    // A job that was parked has started before.
    if (replayed === undefined) return;
    slot.sequence?.begin(kept, startMs);
    outbox.add(
      {
        type: "started",
        jobId: job.jobId,
        slot: slot.id,
        promptTokens,
        cachedTokens: Math.min(kept, promptTokens),
        ...(hadCache ? { differsAt: differsAt(prompt, kept, backend.tokenBytes) } : {}),
        seed: sampling.seed,
      },
      ...replayed.events,
    );
  }

  /** Ends a job whose earlier output is already complete. The slot's cache does not change. */
  function finishAtOnce(slot: Slot, replayed: Accepted, by: StoppedBy): void {
    const { job, promptTokens, sampling } = preparedOf(slot);
    const counts = { promptTokens, cachedTokens: promptTokens };
    slot.sequence?.begin(promptTokens, now());
    outbox.add(
      { type: "started", jobId: job.jobId, slot: slot.id, ...counts, seed: sampling.seed },
      ...replayed.events,
    );
    releaseSlot(slot, { kind: "finished", by });
    endJob(slot);
  }

  /** Fails only the job that cannot begin. The slot's contents are unknown, so they are discarded. */
  async function fail(slot: Slot, jobId: string, thrown: unknown): Promise<void> {
    const failure =
      thrown instanceof WaggleError
        ? failureOf(thrown)
        : { code: "engine_failed" as const, message: "The engine could not begin the job." };
    if (!(thrown instanceof WaggleError)) {
      options.emit({ type: "log", level: "error", message: `Cannot begin job ${jobId}: ${String(thrown)}` });
    }
    slot.held.cut(0);
    await generatorOf(backend).cut(slot.id, 0, slot.held);
    // If the job was cancelled before the failure, the job ends as cancelled: `releaseSlot` keeps the first ending.
    releaseSlot(slot, { kind: "failed", failure });
    endJob(slot);
  }

  /** Saves the cache of the least recently used idle slot in advance, so that the next job does not wait for the save. */
  async function writeBehind(): Promise<void> {
    const next = slots
      .filter((slot) => slot.state === "idle" && slot.writtenBehind !== true)
      .toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (next === undefined) return;
    next.writtenBehind = !offload.wouldLose(next, 0) || (await offload.save(next));
  }

  /** Returns the most transfers at this scheduling point: with decoding slots, the number of beginning jobs per decoding slot, at least 1. */
  function transfersAllowed(): number {
    const decoding = slots.filter(({ state }) => state === "decoding").length;
    const beginning = slots.filter(({ state, pending }) => state === "prefilling" && pending !== undefined).length;
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
      admitWaiting();
      offload.open(transfersAllowed(), underway);
      await beginPending();
      await pool.makeRoom(releaseEnded);
      const streaming = slots.some(({ state }) => state === "decoding");
      if ((streaming || maintenance) && !slots.some(({ state }) => state === "prefilling")) await writeBehind();
    },
  };
}

/** What a new job has replayed. */
const nothing: Accepted = { events: [], finish: undefined };

function needOfNew({ job, prompt, sampling }: PreparedGenerate): CellNeed {
  const { maxTokens = Infinity } = job.work;
  return { tokens: prompt.length, tokensLeft: Math.max(0, maxTokens - (sampling.priorOutput?.ids.length ?? 0)) };
}
