// Keeps all slots together within the context pool: decides which jobs fit, frees the caches of idle slots, and preempts jobs when the pool is full.
import type { Backend } from "../port/backend.ts";
import { wholeChunks } from "../port/entries.ts";
import type { JobEvent } from "../port/messages.ts";
import type { KvOffload } from "../kv/kv-offload.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { defaultHeadroomCells, needOf, runToPreempt, soonCells, stepCells, usedCells, type CellNeed } from "./cells.ts";
import { hasForeground, isLaneRun } from "./lane-runs.ts";
import { giveBack, isLent, preemptSlot, returnSlot, runOf, runsIn, type Run, type Slot } from "./slots.ts";

export interface ContextPoolOptions {
  readonly backend: Backend;
  readonly slots: readonly Slot[];
  readonly offload: Pick<KvOffload, "wouldLose" | "save">;
  readonly addEvent: (event: JobEvent) => void;
  readonly now: () => number;
  readonly headroomCells?: number | undefined;
}

export interface ContextPool {
  /**
   * Whether the job fits next to the running jobs. Caches of idle slots do not count, because they make room, and for a foreground job those of lane jobs.
   * A job alone always fits.
   */
  fits(need: CellNeed, ofLane: boolean): boolean;
  /** Lets preempted jobs return, in the order in which they were preempted, as long as they fit. Returns false if one stays preempted. @param ofLane which jobs */
  returnPreempted(ofLane: boolean): boolean;
  /** Whether the slot may hold this many tokens instead of its present ones, if idle slots other than `source` make room for them. */
  hasRoom(tokens: number, target: Slot, source?: Slot): boolean;
  /** Frees cells of one idle slot if the target has no room for this many tokens. Returns false if it has room. */
  freeFor(tokens: number, target: Slot, source?: Slot): Promise<boolean>;
  /**
   * Makes room for the tokens of the next pass: frees the caches of idle slots, then preempts jobs. Lane jobs are preempted before a foreground cache is freed.
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

  function fits(need: CellNeed, ofLane: boolean): boolean {
    const running = runsIn(slots, "beginning", "prefilling", "decoding").filter((run) => ofLane || !isLaneRun(run));
    const needs = [...running.map(needOf), need];
    const soon = needs.reduce((sum, each) => sum + soonCells(each, contextSize, headroomCells), 0);
    return running.length === 0 || soon <= contextPool;
  }

  /** Number of tokens that a slot holds and no running job has or will get, apart from lane jobs that give them to the target's job. */
  function spareCells({ state, held }: Slot, target: Slot): number {
    if (state.kind === "releasing") return 0;
    if (state.kind === "idle" || (yieldsTo(target) && isLaneRun(state.run))) return held.entries.length;
    return state.kind === "beginning" ? held.entries.length - state.keepTokens : 0;
  }

  function yieldsTo(target: Slot): boolean {
    const run = runOf(target);
    return run !== undefined && !isLaneRun(run);
  }

  /** Number of cells that are missing, if the target holds this many tokens. */
  function missingFor(tokens: number, target: Slot): number {
    return usedCells(slots) - target.held.entries.length + tokens - contextPool;
  }

  /**
   * Returns the slots that make room, in their order: for a foreground job those of the lane, the job that started last first; idle slots, the least
   * recently used first; slots whose jobs have not begun.
   */
  function sparing(forForeground: boolean): Slot[] {
    const idle = slots.filter(({ state }) => state.kind === "idle").toSorted((a, b) => a.lastUsed - b.lastUsed);
    const inSlots = forForeground ? runsIn(slots, "beginning", "prefilling", "decoding").filter(isLaneRun) : [];
    const lane = inSlots.toSorted((a, b) => b.startOrder - a.startOrder).map(({ slot }) => slot);
    const beginning = slots.filter(({ state }) => state.kind === "beginning");
    return [...idle.filter(({ isLaneCache }) => isLaneCache), ...lane, ...idle, ...beginning];
  }

  /** Discards entries from the end of a slot. The slot is saved first, if that pays. A lane job that has begun is preempted. */
  async function free(slot: Slot, cells: number): Promise<void> {
    if (slot.state.kind === "prefilling" || slot.state.kind === "decoding") {
      const { run } = slot.state;
      return isLent(run) ? giveBack(run) : await preempt(run);
    }
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
    await generatorOf(backend).end(slot.id);
    await free(slot, Infinity);
  }

  return {
    fits,
    returnPreempted(ofLane) {
      const preempted = runsIn(slots, "preempted")
        .filter((run) => isLaneRun(run) === ofLane)
        .toSorted((a, b) => (a.preemptedAtMs ?? 0) - (b.preemptedAtMs ?? 0) || b.startOrder - a.startOrder);
      for (const run of preempted) {
        if (!fits(needOf(run), ofLane)) return false;
        returnSlot(run, now());
      }
      return true;
    },
    hasRoom(tokens, target, source) {
      const others = slots.filter((slot) => slot !== target && slot !== source);
      return missingFor(tokens, target) <= others.reduce((sum, slot) => sum + spareCells(slot, target), 0);
    },
    async freeFor(tokens, target, source) {
      const missing = missingFor(tokens, target);
      if (missing <= 0) return false;
      const spare = sparing(yieldsTo(target)).find(
        (slot) => slot !== target && slot !== source && spareCells(slot, target) > 0,
      );
      if (spare !== undefined) await free(spare, Math.min(spareCells(spare, target), Math.max(missing, headroomCells)));
      return spare !== undefined;
    },
    async makeRoom(releaseEnded) {
      for (;;) {
        const missing = usedCells(slots) + stepCells(slots, batchSize) - contextPool;
        if (missing <= 0) return;
        // A cancel may arrive at any time, and the cells of its job are free soon.
        const spare = sparing(hasForeground(slots)).find(({ held }) => held.entries.length > 0);
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
