// Drafts the next tokens of the jobs that decode, where that makes their answers faster. Decision 107.
import type { Load, Pacing } from "../costs/pacing.ts";
import type { Backend } from "../../port/backend.ts";
import type { Token } from "../../port/steps.ts";
import { entryTokens } from "../../port/entries.ts";
import { usedCells } from "../cells.ts";
import { isDecoding, runsIn, type AnswerRun, type Slot } from "../slots.ts";
import { createAnswerPool } from "./answer-pool.ts";
import { chooseDrafts, mostDrafts } from "./choose-drafts.ts";
import { createDrafter, createDraftRecords, type Drafter } from "./drafter.ts";

export interface DraftsOptions {
  readonly backend: Pick<Backend, "info" | "generator">;
  readonly slots: readonly Slot[];
  readonly pacing: Pick<Pacing, "draftMs">;
  /** False: no job's tokens are guessed or kept. */
  readonly enabled: boolean;
}

export interface Drafts {
  /**
   * @param decoding all jobs that decode in the next step
   * @returns equally many drafts for each, by slot: where a draft is too short, it repeats a token, which is nearly always wrong; undefined if none pays
   */
  next(decoding: readonly AnswerRun[], load: Load): ReadonlyMap<number, readonly Token[]> | undefined;
}

export function createDrafts({ backend, slots, pacing, enabled }: DraftsOptions): Drafts {
  const { generator, info } = backend;
  const pool = createAnswerPool();
  const records = createDraftRecords();
  const drafters = new Map<AnswerRun, Drafter>();

  /** Passes sampled tokens to the drafters, keeps the answers of jobs that have ended, and begins with new ones. */
  function follow(): void {
    const running = new Set<unknown>(runsIn(slots, "beginning", "prefilling", "decoding", "preempted", "releasing"));
    for (const [run, drafter] of drafters) {
      // The tokens of a job's last step are part of its answer, too.
      for (const token of run.sequence.ids.slice(drafter.output.length)) drafter.push(token);
      if (running.has(run)) continue;
      const { guessScope } = run.prepared.job;
      if (guessScope !== undefined) pool.add(guessScope, drafter.output);
      drafters.delete(run);
    }
    for (const run of runsIn(slots, "decoding").filter(isDecoding))
      if (!drafters.has(run) && mayDraftFor(run)) drafters.set(run, drafterOf(run));
  }

  function drafterOf({ sequence, target, prepared }: AnswerRun): Drafter {
    const { guessScope } = prepared.job;
    return createDrafter({
      prompt: entryTokens(target.slice(0, prepared.promptTokens)),
      output: sequence.ids,
      earlier: (tail) => (guessScope === undefined ? undefined : pool.find(guessScope, tail)),
      records,
    });
  }

  return {
    next(decoding, load) {
      if (!enabled || generator?.takesDrafts !== true) return undefined;
      follow();
      // A prompt makes better use of the time.
      if (drafters.size === 0 || decoding.length === 0 || load.promptHeld !== undefined) return undefined;
      // Each job gets as many drafts as the others, so all must have room.
      const room = Math.floor(Math.min(info.batchSize, info.contextPool - usedCells(slots)) / decoding.length) - 1;
      const most = Math.min(mostDrafts, room, ...decoding.map(usefulDrafts));
      if (most < 1) return undefined;
      const drafts = decoding.map((run) => drafters.get(run)?.draft(most) ?? { tokens: [], chances: [] });
      const count = chooseDrafts(drafts, most, (rowsEach) => pacing.draftMs(load, rowsEach));
      if (count === 0) return undefined;
      return new Map(decoding.map(({ slot }, i) => [slot.id, filled(drafts[i]?.tokens ?? [], count)]));
    },
  };
}

/** Maximum number of drafts that are useful to the job. */
function usefulDrafts(run: AnswerRun): number {
  return run.sequence.forced !== undefined || !mayDraftFor(run) ? 0 : run.sequence.tokensUnseen - 1;
}

/** Whether the job's tokens may be drafted: not with settings that sample from all that the slot holds. */
function mayDraftFor({ prepared: { job, sampling } }: AnswerRun): boolean {
  const { guesses = true } = job.work;
  return guesses && sampling.fillIn !== true && sampling.dry_multiplier === 0;
}

/** Any token will do as a draft that is not expected to be right. */
const filler: Token = 0;

function filled(draft: readonly Token[], count: number): Token[] {
  return Array.from({ length: count }, (_, i) => draft[i] ?? filler);
}
