// Drafts the next tokens of the jobs that decode, where that makes their answers faster.
import type { Token } from "../../port/steps.ts";
import { createAnswerPool } from "./answer-pool.ts";
import { chooseDrafts, mostDrafts, type StepMs } from "./choose-drafts.ts";
import { createDrafter, createDraftRecords, type Draft, type Drafter } from "./drafter.ts";

export interface DraftedJob {
  readonly prompt: readonly Token[];
  /** The earlier output of a job that resumes or returns. */
  readonly output: readonly Token[];
  /** Earlier answers of this scope are used, and the answer is kept for later ones; undefined: neither. */
  readonly scope: string | undefined;
}

/** A decoding slot of a step. */
export interface DraftingSlot {
  readonly slot: number;
  /** Most draft tokens that the slot has room for; 0 if it must not have any. */
  readonly most: number;
}

export interface DraftingStep {
  /** All decoding slots of the step. */
  readonly slots: readonly DraftingSlot[];
  readonly stepMs: StepMs;
}

export interface Drafts {
  /** Begins to draft for the job in this slot. Not called for jobs without drafts. */
  begin(slot: number, job: DraftedJob): void;
  /** Adds a sampled token of the slot's job. */
  push(slot: number, token: Token): void;
  /** Keeps the answer for later jobs of its scope. */
  end(slot: number): void;
  /**
   * The drafts of each slot, equally many for all: slots whose draft is too short repeat a token, which is nearly always wrong. Undefined if none
   * pays.
   */
  plan(step: DraftingStep): ReadonlyMap<number, readonly Token[]> | undefined;
}

const noDraft: Draft = { tokens: [], chances: [] };

/** @param enabled false: no job's tokens are guessed or kept */
export function createDrafts({ enabled }: { readonly enabled: boolean }): Drafts {
  const pool = createAnswerPool();
  const records = createDraftRecords();
  const jobs = new Map<number, { readonly drafter: Drafter; readonly scope: string | undefined }>();

  return {
    begin(slot, { prompt, output, scope }) {
      if (!enabled) return;
      const earlier: Parameters<typeof createDrafter>[0]["earlier"] =
        scope === undefined ? () => undefined : (tail) => pool.find(scope, tail);
      jobs.set(slot, { drafter: createDrafter({ prompt, output, earlier, records }), scope });
    },
    push: (slot, token) => jobs.get(slot)?.drafter.push(token),
    end(slot) {
      const job = jobs.get(slot);
      if (job?.scope !== undefined) pool.add(job.scope, job.drafter.output);
      jobs.delete(slot);
    },
    plan({ slots, stepMs }) {
      const most = Math.min(mostDrafts, ...slots.map((each) => each.most));
      if (most < 1 || jobs.size === 0) return undefined;
      const drafts = slots.map(({ slot }) => jobs.get(slot)?.drafter.draft(most) ?? noDraft);
      const count = chooseDrafts(drafts, most, stepMs);
      if (count === 0) return undefined;
      return new Map(slots.map(({ slot }, i) => [slot, filled(drafts[i]?.tokens ?? [], count)]));
    },
  };
}

/** Any token will do as a draft that is not expected to be right. */
const filler: Token = 0;

function filled(draft: readonly Token[], count: number): Token[] {
  return Array.from({ length: count }, (_, i) => draft[i] ?? filler);
}
