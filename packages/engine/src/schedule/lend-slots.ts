// Lends idle slots to decide jobs, so that several readings are computed as one matrix. A lent slot copies the prefix, and is given back when a job
// waits, when its lender leaves, or when no reading is left. Lane jobs that wait do not count for a foreground job.
import { isLane } from "@waggle/protocol";
import type { KvOffload } from "../kv/kv-offload.ts";
import type { WaitingJob } from "./admit.ts";
import type { ContextPool } from "./pool.ts";
import { isLaneRun, servedIn } from "./lane-runs.ts";
import { bindSlot, giveBack, isLent, missingOf, runOf, runsIn, type DecideRun, type Slot } from "./slots.ts";

export interface LendingOptions {
  readonly slots: readonly Slot[];
  readonly waiting: ReadonlyMap<string, WaitingJob>;
  readonly pool: Pick<ContextPool, "fits" | "hasRoom">;
  readonly offload: Pick<KvOffload, "copies" | "saves" | "pays" | "wouldLose">;
}

export interface Lending {
  /** Gives back the slots that something else needs, or that have nothing to compute. Their states become releasing. */
  takeBack(): void;
  /** Binds idle slots next to the slot of each decide job that has computed its prefix. */
  lend(): void;
}

export function createLending({ slots, waiting, pool, offload }: LendingOptions): Lending {
  /** Whether a job waits for a slot or for room that this job has. */
  function isWanted(from: DecideRun): boolean {
    return [...runsIn(slots, "preempted"), ...waiting.values()].some(
      ({ prepared }) =>
        prepared !== undefined && prepared.kind !== "embed" && (isLaneRun(from) || !isLane(prepared.job)),
    );
  }

  function isOver({ slot, ...lender }: DecideRun): boolean {
    const { kind } = slot.state;
    return runOf(slot)?.sequence !== lender.sequence || kind === "releasing" || kind === "preempted";
  }

  /** Whether losing what the slot holds costs nothing. */
  function isSpare(slot: Slot): boolean {
    return slot.held.entries.length === 0 || (offload.saves && !offload.wouldLose(slot, 0));
  }

  function lendTo(run: DecideRun): void {
    const { prepared, sequence, slot: own } = run;
    const copied = own.held.entries.length;
    const transfer = { gained: prepared.prompt.length, copied };
    if (copied < prepared.prompt.length || !offload.pays(transfer)) return;
    const need = { tokens: prepared.longest, tokensLeft: 0 };
    const lent = runsIn(slots, "beginning", "prefilling")
      .filter(isLent)
      .filter(({ lender }) => lender === run);
    // The lender takes one of the readings that are left itself.
    let more = sequence.left - 1 - lent.filter(({ reading }) => reading === undefined).length;
    for (const slot of neighbours(own)) {
      if (more <= 0) return;
      if (slot.state.kind !== "idle") continue;
      if (!isSpare(slot) || !pool.fits(need, isLaneRun(run)) || !pool.hasRoom(copied, slot, own)) return;
      bindSlot(slot, { kind: "decision", prepared, sequence, lender: run }, run.startOrder, 0);
      more -= 1;
    }
  }

  /** The idle and lent slots without a gap around a slot: only neighbours are computed as one matrix. */
  function neighbours({ id }: Slot): Slot[] {
    const isFree = (slot: Slot): boolean => {
      const run = runOf(slot);
      return run === undefined || (isLent(run) && run.lender.slot.id === id);
    };
    const reach = (side: readonly Slot[]): readonly Slot[] => {
      const end = side.findIndex((slot) => !isFree(slot));
      return end < 0 ? side : side.slice(0, end);
    };
    return [...reach(slots.slice(id + 1)), ...reach(slots.slice(0, id).reverse())];
  }

  return {
    takeBack() {
      for (const run of runsIn(slots, "beginning", "prefilling")) {
        if (!isLent(run)) continue;
        const isIdle = run.reading === undefined && run.sequence.left === 0 && missingOf(run) <= 0;
        if (isIdle || isWanted(run) || isOver(run.lender)) giveBack(run);
      }
    },
    lend() {
      // A copy delays streams, and next to streams a pass has few tokens of prompts.
      if (!offload.copies || servedIn(slots, "decoding").length > 0) return;
      for (const run of servedIn(slots, "prefilling"))
        if (run.kind === "decision" && !isLent(run) && !isWanted(run)) lendTo(run);
    },
  };
}
