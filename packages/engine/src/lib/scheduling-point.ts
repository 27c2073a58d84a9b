// Owns what happens between two passes: slots are freed and given away, jobs begin with the longest prefix that is
// cheaper to fetch than to compute. While somebody decodes, a scheduling point saves or loads few states.
import { WaggleError, type StoppedBy } from "@waggle/protocol";
import { cacheScopeOf } from "./adapters.ts";
import type { Backend, SavedState } from "./backend.ts";
import { chooseSlot } from "./choose-slot.ts";
import { commonPrefix } from "./common-prefix.ts";
import { differsAt } from "./differs-at.ts";
import type { Embeddings } from "./embeddings.ts";
import type { EngineEvent } from "./messages.ts";
import type { Outbox } from "./outbox.ts";
import { describeSampled, endingEvents } from "./postprocess.ts";
import { failureOf, type PreparedGenerate, type PreparedJob } from "./prepare.ts";
import { cachedTokens, findPrefixSource } from "./prefix-source.ts";
import { createKvOffload } from "./kv-offload.ts";
import { readerFor } from "./answer-text.ts";
import { createSequence, type Accepted, type Sequence } from "./sequence.ts";
import { beginSlot, bindSlot, freeSlot, loadSlot, releaseSlot, type PendingStart, type Slot } from "./slots.ts";

/** A job that has not begun. It cannot before it is prepared. */
export interface WaitingJob {
  prepared: PreparedJob | undefined;
  /** Ends its preparation. */
  readonly leaving: AbortController;
}

export interface SchedulingPointOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly embeddings: Pick<Embeddings, "add">;
  /** By job id, first come first served. */
  readonly waiting: Map<string, WaitingJob>;
  /** Most bytes of saved states. */
  readonly prefixStoreBytes: number;
  /** What computing each of so many prompt tokens takes, in milliseconds; undefined when nobody knows yet. */
  readonly tokenMs: (tokens: number) => number | undefined;
  readonly outbox: Outbox;
  readonly emit: (event: EngineEvent) => void;
  readonly now: () => number;
}

export interface Arrival {
  /** Forward passes that have ended. */
  readonly passes: number;
  /** Nothing has happened for a while: what can wait may be done now. */
  readonly maintenance: boolean;
  /** Called when something has begun that takes long and leaves this thread free. */
  readonly underway: () => void;
}

export interface SchedulingPoint {
  run(arrival: Arrival): Promise<void>;
  /** How much of the prompt would be found, did the job begin now. */
  cachedTokens(prepared: PreparedGenerate): number;
}

export function createSchedulingPoint(options: SchedulingPointOptions): SchedulingPoint {
  const { backend, slots, waiting, outbox, now } = options;
  const offload = createKvOffload(options);
  /** Passes that had ended when this scheduling point was reached. */
  let lastPasses = 0;

  async function releaseEnded(passes: number): Promise<void> {
    // Asked anew each time: a cancel may come while the backend lets go of another slot.
    for (let slot = findReleasing(); slot !== undefined; slot = findReleasing()) {
      if (slot.pending === undefined) await backend.end(slot.id);
      outbox.add(...endingEvents(slot, passes, now()));
      freeSlot(slot, passes);
    }
  }

  function findReleasing(): Slot | undefined {
    return slots.find((slot) => slot.state === "releasing");
  }

  function admitWaiting(): void {
    let full = false;
    for (const [jobId, { prepared }] of waiting) {
      if (prepared?.kind === "texts") {
        waiting.delete(jobId);
        options.embeddings.add(prepared);
      }
      if (prepared?.kind !== "generate" || full) continue;
      const { prompt, reusableTokens, job } = prepared;
      const { sessionId } = job;
      const cacheScope = cacheScopeOf(prepared);
      const choice = chooseSlot(slots, { prompt, reusableTokens, cacheScope, sessionId });
      full = choice === undefined;
      if (choice === undefined) continue;
      waiting.delete(jobId);
      const sequence = sequenceFor(prepared);
      const replayed = replay(sequence, prepared);
      bindSlot(choice.slot, { prepared, keepTokens: choice.keepTokens, saved: new Set(), replayed }, sequence);
    }
  }

  function sequenceFor(prepared: PreparedGenerate): Sequence {
    const { job, promptTokens, sampling } = prepared;
    const { thinkingBudget: budget, repetitionLimit } = job;
    return createSequence({
      jobId: job.jobId,
      cachedTokens: 0,
      stop: job.stop,
      ignoreEos: sampling.ignore_eos,
      promptTokens,
      maxTokens: job.maxTokens,
      contextShift: job.contextShift === true,
      contextSize: backend.info.contextSize,
      startedAtMs: now(),
      reader: readerFor(prepared, backend.info.chatFormat),
      thinking: budget === undefined ? undefined : { budget, close: backend.thoughtEnd.tokens },
      repetitionLimit,
      lines: job.lines,
    });
  }

  /** What the job has said already, as if this engine had sampled it. */
  function replay(sequence: Sequence, { job, sampling }: PreparedGenerate): Accepted {
    const { said } = sampling;
    if (said === undefined || job.said === undefined) return { events: [], finish: undefined };
    return sequence.replay(
      said.ids.map((token) => describeSampled(token, backend)),
      job.said.events,
    );
  }

  async function beginPending(): Promise<void> {
    for (const slot of slots) {
      // Again after each transfer: what one slot saves, the next one loads.
      while (slot.pending !== undefined && slot.state === "prefilling" && (await advance(slot, slot.pending)));
    }
  }

  /**
   * One transfer for this job, or its beginning; false when it can do nothing more at this scheduling point. It comes to an end whatever
   * a transfer seems worth: a slot is saved once for a job, and a load gives it more tokens or the store one state less.
   */
  async function advance(slot: Slot, pending: PendingStart): Promise<boolean> {
    const source = findPrefixSource(slot, { slots, store: offload.store, pays: offload.pays });
    if (source.kind === "wait") return false;
    if (source.kind === "save") return await save(slot, source.slot);
    const staying = source.kind === "load" ? 0 : source.keepTokens;
    if (!pending.saved.has(slot) && offload.wouldLose(slot, staying)) return await save(slot, slot);
    if (source.kind === "load") return await load(slot, pending, source.state);
    if (pending.replayed.finish === undefined) await begin(slot, pending, source.keepTokens);
    else finishAtOnce(slot, pending, pending.replayed.finish);
    return true;
  }

  async function save(slot: Slot, saved: Slot): Promise<boolean> {
    if (!(await offload.save(saved))) return false;
    const { pending } = slot;
    if (pending !== undefined) slot.pending = { ...pending, saved: new Set([...pending.saved, saved]) };
    return true;
  }

  async function load(slot: Slot, pending: PendingStart, state: SavedState): Promise<boolean> {
    const loaded = await offload.load(slot, state);
    if (loaded === undefined) return false;
    loadSlot(slot, loaded ? state : undefined);
    // A cancel meanwhile has left the slot to the next scheduling point; its cache is what it is now.
    const { prompt, reusableTokens } = pending.prepared;
    const keepTokens = commonPrefix(slot.cached, prompt, reusableTokens);
    if (slot.pending !== undefined) slot.pending = { ...pending, keepTokens };
    return true;
  }

  async function begin(slot: Slot, { prepared, replayed }: PendingStart, keepTokens: number): Promise<void> {
    const { job, prompt, promptTokens, reusableTokens, sampling } = prepared;
    const hadCache = reusableTokens > 0 && slot.cacheScope === cacheScopeOf(prepared) && slot.cached.length > 0;
    beginSlot(slot, prepared, keepTokens);
    slot.sequence?.begin(keepTokens, now());
    let kept: number;
    try {
      kept = await backend.begin(slot.id, keepTokens, sampling);
    } catch (thrown) {
      fail(slot, job.jobId, thrown);
      return;
    }
    if (kept < keepTokens) {
      beginSlot(slot, prepared, kept);
      slot.sequence?.begin(kept, now());
    }
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

  /** All that it had left to say is that it has ended. What the slot holds stays as it is. */
  function finishAtOnce(slot: Slot, { prepared, replayed }: PendingStart, by: StoppedBy): void {
    const { job, promptTokens, sampling } = prepared;
    const counts = { promptTokens, cachedTokens: promptTokens };
    slot.sequence?.begin(promptTokens, now());
    outbox.add(
      { type: "started", jobId: job.jobId, slot: slot.id, ...counts, seed: sampling.seed },
      ...replayed.events,
    );
    releaseSlot(slot, { kind: "finished", by });
    outbox.add(...endingEvents(slot, lastPasses, now()));
    freeSlot(slot, lastPasses);
  }

  /** A job that cannot begin is over, and nobody else's work with it. Nobody knows what the slot holds now, so nobody gets any of it. */
  function fail(slot: Slot, jobId: string, thrown: unknown): void {
    const failure =
      thrown instanceof WaggleError
        ? failureOf(thrown)
        : { code: "engine_failed" as const, message: "The engine could not begin the job." };
    if (!(thrown instanceof WaggleError)) {
      options.emit({ type: "log", level: "error", message: `Cannot begin job ${jobId}: ${String(thrown)}` });
    }
    slot.cached.length = 0;
    // A cancel meanwhile has come first.
    releaseSlot(slot, { kind: "failed", failure });
    outbox.add(...endingEvents(slot, lastPasses, now()));
    freeSlot(slot, lastPasses);
  }

  /** Saves what a slot would lose before somebody wants the slot, and waits for that. The least recently used is next. */
  async function writeBehind(): Promise<void> {
    const next = slots
      .filter((slot) => slot.state === "idle" && slot.writtenBehind !== true)
      .toSorted((a, b) => a.lastUsed - b.lastUsed)[0];
    if (next === undefined) return;
    next.writtenBehind = !offload.wouldLose(next, 0) || (await offload.save(next));
  }

  /** One, or as many as there are jobs that wait for each one that decodes. */
  function transfersAllowed(): number {
    const decoding = slots.filter(({ state }) => state === "decoding").length;
    const beginning = slots.filter(({ pending }) => pending !== undefined).length;
    return decoding === 0 ? Infinity : Math.max(1, Math.floor(beginning / decoding));
  }

  return {
    cachedTokens(prepared) {
      const found = cachedTokens(prepared.prompt, cacheScopeOf(prepared), { slots, store: offload.store });
      return Math.min(prepared.reusableTokens, found);
    },
    async run({ passes, maintenance, underway }) {
      lastPasses = passes;
      await releaseEnded(passes);
      admitWaiting();
      offload.open(transfersAllowed(), underway);
      await beginPending();
      const streaming = slots.some(({ state }) => state === "decoding");
      if ((streaming || maintenance) && !slots.some(({ state }) => state === "prefilling")) await writeBehind();
    },
  };
}
