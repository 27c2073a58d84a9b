// Follows the jobs in the slots, and gives the decoding jobs draft tokens where that makes their answers faster.
import type { Load, Pacing } from "../costs/pacing.ts";
import type { Backend } from "../../port/backend.ts";
import { contextCapacity } from "../../port/info.ts";
import type { Token } from "../../port/steps.ts";
import { tokensOf } from "../../port/entries.ts";
import { usedCells } from "../cells.ts";
import { runsIn, type Run, type Slot } from "../slots.ts";
import type { Drafts, DraftingStep } from "./drafts.ts";

export interface SlotDraftsOptions {
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly slots: readonly Slot[];
  readonly drafts: Drafts;
  readonly pacing: Pick<Pacing, "draftMs">;
}

export interface SlotDrafts {
  /** @param decoding all jobs that decode in the next step @returns equally many drafts for each, by slot; undefined if none pays */
  next(decoding: readonly Run[], load: Load): ReadonlyMap<number, readonly Token[]> | undefined;
}

export function createSlotDrafts({ backend, slots, drafts, pacing }: SlotDraftsOptions): SlotDrafts {
  const { generator, info } = backend;
  const capacity = contextCapacity(info.contextSize);
  /** The jobs that are followed, and for each the number of tokens that were seen. */
  const followed = new Map<Run, number>();

  /** Tells `drafts` which jobs have ended and begun, and which tokens were sampled. */
  function follow(): void {
    const running = new Set(runsIn(slots, "beginning", "prefilling", "decoding", "preempted", "releasing"));
    for (const [run, seen] of followed) {
      // The tokens of a job's last step are part of its answer, too.
      const { ids } = run.sequence;
      for (const token of ids.slice(seen)) drafts.push(run.slot.id, token);
      followed.set(run, ids.length);
      if (running.has(run)) continue;
      drafts.end(run.slot.id);
      followed.delete(run);
    }
    for (const run of runsIn(slots, "decoding")) {
      if (followed.has(run) || !mayDraftFor(run)) continue;
      const { slot, sequence, target, prepared } = run;
      const prompt = tokensOf(target.slice(0, prepared.promptTokens));
      drafts.begin(slot.id, { prompt, output: sequence.ids, scope: prepared.job.guessScope });
      followed.set(run, sequence.ids.length);
    }
  }

  function stepOf(decoding: readonly Run[], load: Load): DraftingStep {
    // Each job gets as many drafts as the others, so all must have room.
    const room = Math.floor(Math.min(info.batchSize, info.contextPool - usedCells(slots)) / decoding.length) - 1;
    return {
      slots: decoding.map((run) => {
        const { slot, sequence } = run;
        const most = sequence.forced !== undefined || !mayDraftFor(run) ? 0 : sequence.tokensUnseen - 1;
        return { slot: slot.id, most: Math.min(most, room, capacity - slot.held.entries.length - 1) };
      }),
      stepMs: (rowsEach) => pacing.draftMs(load, rowsEach),
    };
  }

  return {
    next(decoding, load) {
      if (generator?.takesDrafts !== true) return undefined;
      follow();
      // A prompt makes better use of the time.
      if (decoding.length === 0 || load.promptHeld !== undefined) return undefined;
      return drafts.plan(stepOf(decoding, load));
    },
  };
}

/** Whether the job's tokens may be drafted: not with settings that sample from all that the slot holds, or that cut it. */
function mayDraftFor({ prepared: { job, sampling } }: Run): boolean {
  const { guesses = true, contextShift = false } = job.work;
  return guesses && !contextShift && sampling.fillIn !== true && sampling.dry_multiplier === 0;
}
