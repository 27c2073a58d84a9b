// Begins jobs that have a slot, each with the longest prefix that is cheaper to transfer than to compute.
import type { Backend } from "../port/backend.ts";
import type { KvSnapshot } from "../port/kv.ts";
import type { EngineEvent } from "../port/messages.ts";
import type { Token } from "../port/steps.ts";
import { cacheScopeOf } from "../port/cache-scope.ts";
import { commonPrefix, differsAt } from "../kv/common-prefix.ts";
import type { KvOffload } from "../kv/kv-offload.ts";
import type { ContextPool } from "../schedule/pool.ts";
import { findPrefixSource } from "../schedule/prefix.ts";
import { hasForeground, isLaneRun } from "../schedule/lane-runs.ts";
import {
  beginSlot,
  copySlot,
  giveBack,
  isLent,
  loadSlot,
  releaseSlot,
  reusableOf,
  type Beginning,
  type Releasing,
  type Run,
  type Slot,
} from "../schedule/slots.ts";
import { failJob } from "../sequence/fail-job.ts";
import { generatorOf } from "../sequence/prepare.ts";
import type { Outbox } from "./outbox.ts";

export interface BeginJobsOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly offload: KvOffload;
  readonly pool: Pick<ContextPool, "freeFor" | "hasRoom">;
  readonly outbox: Pick<Outbox, "add">;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
  /** Ends a job that could not begin. */
  readonly endJob: (state: Releasing) => void;
  /** Asks for another scheduling point, even if there is nothing to compute. */
  readonly wake: () => void;
}

/** Creates the function that begins every job that can begin now. */
export function createBeginJobs(options: BeginJobsOptions): () => Promise<void> {
  const { backend, slots, offload, pool, outbox, now, endJob } = options;

  /**
   * Does one transfer for this job, or frees cells for it, or begins the job. Returns false when nothing more can be done at this scheduling point.
   * The loop that calls this function ends: each slot is saved at most once per job, each copy adds tokens to the slot, and each load adds tokens or
   * removes a snapshot from the index.
   */
  async function advance(state: Beginning): Promise<boolean> {
    const { store, pays, copies } = offload;
    const { slot } = state.run;
    // A transfer for a lane job would delay the streams of others.
    if (isLaneRun(state.run) && hasForeground(slots)) {
      if (offload.wouldLose(slot, state.keepTokens)) return false;
      await begin(state.run, state.keepTokens);
      return true;
    }
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
      kept = await generatorOf(backend).begin(slot.id, keepTokens, prepared.sampling, slot.held, outputOf(run));
    } catch (thrown) {
      await fail(run, thrown);
      return;
    }
    const differs = hadCache ? { differsAt: differsAt(target, kept, backend.tokenBytes) } : {};
    beginSlot(run, kept);
    // A job that was preempted, or that a slot is lent to, has started before.
    if (run.preemptedAtMs !== undefined || isLent(run)) return;
    const { job, promptTokens, sampling } = prepared;
    const replayed = prepared.kind === "generate" ? prepared.resumed?.replayed : undefined;
    sequence.begin(kept, startMs);
    outbox.add(
      {
        type: "started",
        jobId: job.jobId,
        slot: slot.id,
        promptTokens,
        cachedTokens: Math.min(kept, promptTokens),
        ...differs,
        ...(prepared.kind === "generate" ? { seed: sampling.seed } : {}),
      },
      ...(replayed?.events ?? []),
    );
  }

  /** Fails only the job that cannot begin. The slot's contents are unknown, so they are discarded. */
  async function fail(run: Run, thrown: unknown): Promise<void> {
    const { slot, prepared } = run;
    if (isLent(run)) giveBack(run);
    const failure = failJob(thrown, { jobId: prepared.job.jobId, task: "begin the job" }, options.emit);
    slot.held.cut(0);
    await generatorOf(backend).cut(slot.id, 0, slot.held);
    // If the job was cancelled before the failure, the job ends as cancelled: `releaseSlot` keeps the first ending.
    releaseSlot(slot, { kind: "failed", failure });
    if (slot.state.kind === "releasing") endJob(slot.state);
    // The slot is free for a job that waits, and there may be no pass to compute before the next scheduling point.
    options.wake();
  }

  return async () => {
    for (const slot of slots) {
      // Repeat after each transfer, because the next transfer may load the snapshot that this one saved.
      while (slot.state.kind === "beginning" && (await advance(slot.state)));
    }
  };
}

/** The output that the sampler follows before it samples; undefined without any. */
function outputOf({ kind, sequence }: Run): readonly Token[] | undefined {
  const ids = kind === "answer" ? sequence.ids : [];
  return ids.length === 0 ? undefined : ids;
}
