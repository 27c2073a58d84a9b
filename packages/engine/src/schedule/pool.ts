// Keeps all slots together within the context pool: decides which jobs fit, frees the caches of idle slots, and preempts jobs when the pool is full.
import type { Backend } from "../port/backend.ts";
import { wholeChunks } from "../port/entries.ts";
import type { JobEvent } from "../port/messages.ts";
import type { KvOffload } from "../kv/kv-offload.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { defaultHeadroomCells, needOf, runToPreempt, soonCells, stepCells, usedCells, type CellNeed } from "./cells.ts";
import { giveBack, isLent, preemptSlot, returnSlot, runsIn, type Run, type Slot } from "./slots.ts";

export interface ContextPoolOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly offload: Pick<KvOffload, "wouldLose" | "save">;
  readonly addEvent: (event: JobEvent) => void;
  readonly now: () => number;
  readonly headroomCells?: number | undefined;
}

export interface ContextPool {
  /** Whether the job fits next to the running jobs. Caches of idle slots do not count, because they make room. A job alone always fits. */
  fits(need: CellNeed): boolean;
  /** Lets preempted jobs return, in the order in which they were preempted, as long as they fit. Returns false if one stays preempted. */
  returnPreempted(): boolean;
  /** Whether the slot may hold this many tokens instead of its present ones, if idle slots other than `source` make room for them. */
  hasRoom(tokens: number, target: Slot, source?: Slot): boolean;
  /** Frees cells of one idle slot if the target has no room for this many tokens. Returns false if it has room. */
  freeFor(tokens: number, target: Slot, source?: Slot): Promise<boolean>;
  /**
   * Makes room for the tokens of the next pass: frees the caches of idle slots, then preempts jobs.
   * @param releaseEnded frees the slots whose jobs have ended
   */
  makeRoom(releaseEnded: () => Promise<void>): Promise<void>;
}

export function createContextPool({
  backend,
  slots,
  offload,
  addEvent,
  now,
  headroomCells = defaultHeadroomCells,
}: ContextPoolOptions): ContextPool {
  const { contextPool, contextSize, batchSize } = backend.info;

  function fits(need: CellNeed): boolean {
    const running = runsIn(slots, "beginning", "prefilling", "decoding");
    const needs = [...running.map(needOf), need];
    const soon = needs.reduce((sum, each) => sum + soonCells(each, contextSize, headroomCells), 0);
    return running.length === 0 || soon <= contextPool;
  }

  /** Number of tokens that a slot holds and no running job has or will get. */
  function spareCells({ state, held }: Slot): number {
    if (state.kind === "idle") return held.entries.length;
    return state.kind === "beginning" ? held.entries.length - state.keepTokens : 0;
  }

  /** Number of cells that are missing, if the target holds this many tokens. */
  function missingFor(tokens: number, target: Slot): number {
    return usedCells(slots) - target.held.entries.length + tokens - contextPool;
  }

  /** Returns the slots that make room, in their order: idle slots, the least recently used first, then slots whose jobs have not begun. */
  function sparing(): Slot[] {
    const idle = slots.filter(({ state }) => state.kind === "idle").toSorted((a, b) => a.lastUsed - b.lastUsed);
    return [...idle, ...slots.filter(({ state }) => state.kind === "beginning")];
  }

  /** Discards entries from the end of a slot without work. The slot is saved first, if that pays. */
  async function free(slot: Slot, cells: number): Promise<void> {
    // To compute the cache again would take longer than the transfer, also at a scheduling point with other transfers.
    if (offload.wouldLose(slot, 0)) await offload.save(slot, true);
    const { held, state } = slot;
    const keep = wholeChunks(held.chunks, Math.max(0, held.entries.length - cells));
    const kept = await generatorOf(backend).cut(slot.id, keep, held);
    held.cut(kept);
    if (state.kind === "beginning") state.keepTokens = Math.min(state.keepTokens, kept);
  }

  async function preempt(run: Run): Promise<void> {
    const { slot } = run;
    preemptSlot(run, now());
    addEvent({ type: "parked", jobId: run.sequence.jobId });
    const { length } = slot.held.reusable;
    await generatorOf(backend).end(slot.id, length);
    slot.held.cut(length);
    await free(slot, Infinity);
  }

  return {
    fits,
    returnPreempted() {
      const preempted = runsIn(slots, "preempted").toSorted(
        (a, b) => (a.preemptedAtMs ?? 0) - (b.preemptedAtMs ?? 0) || b.startOrder - a.startOrder,
      );
      for (const run of preempted) {
        if (!fits(needOf(run))) return false;
        returnSlot(run, now());
      }
      return true;
    },
    hasRoom(tokens, target, source) {
      const others = slots.filter((slot) => slot !== target && slot !== source);
      return missingFor(tokens, target) <= others.reduce((sum, slot) => sum + spareCells(slot), 0);
    },
    async freeFor(tokens, target, source) {
      const missing = missingFor(tokens, target);
      if (missing <= 0) return false;
      const spare = sparing().find((slot) => slot !== target && slot !== source && spareCells(slot) > 0);
      if (spare !== undefined) await free(spare, Math.min(spareCells(spare), Math.max(missing, headroomCells)));
      return spare !== undefined;
    },
    async makeRoom(releaseEnded) {
      for (;;) {
        const missing = usedCells(slots) + stepCells(slots, batchSize) - contextPool;
        if (missing <= 0) return;
        // A cancel may arrive at any time, and the cells of its job are free soon.
        const spare = sparing().find(({ held }) => held.entries.length > 0);
        const lent = runsIn(slots, "beginning", "prefilling").find(isLent);
        const next = runToPreempt(slots, now());
        if (slots.some(({ state }) => state.kind === "releasing")) await releaseEnded();
        else if (spare !== undefined) await free(spare, Math.max(missing, headroomCells));
        else if (lent !== undefined) giveBack(lent);
        else if (next !== undefined) await preempt(next);
        else throw new Error(`Cannot run a pass: the context pool lacks ${missing} cells for the only running job`);
      }
    },
  };
}
