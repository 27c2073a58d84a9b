// Owns the work of a slot: its sampler, grammar and adapters. It makes the batch row of an entry, and the entry's result from the answers. What the
// slot holds belongs to the engine. It does not depend on other slots.
import { entriesWithin, isCell, positionBehind } from "@waggle/engine";
import type { BatchEntry, EntryResult, Held, HeldEntry, PriorTokens, SlotSampling, Token } from "@waggle/engine";
import { logprobsOf } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, BatchRow, Passes } from "../passes/passes.ts";
import { createSlotWork, type SlotWork } from "./slot-work.ts";
import type { SamplingContext } from "../sampling/sampling.ts";

export interface SlotOptions {
  readonly id: number;
  readonly passes: Passes;
  readonly sampling: SamplingContext;
  /** Maximum number of tokens in the slot. */
  readonly capacity: number;
}

export interface Slot {
  /** Scales of the adapters in the job's request; undefined for the scales at load. */
  readonly adapters: readonly number[] | undefined;
  /** Begins a job. @returns number of kept entries; with recurrent layers it may be less than `keep` */
  begin(keep: number, sampling: SlotSampling, held: Held, prior: PriorTokens | undefined): Promise<number>;
  /** Makes the entry's batch row, or its failure. */
  rowFor(entry: BatchEntry): BatchRow | EntryResult;
  /** Makes the entry's result from the answers to its row. */
  resultOf(entry: BatchEntry, answers: readonly Answer[]): EntryResult | Promise<EntryResult>;
  shift(keep: number, discard: number): Promise<void>;
  end(keep: number): Promise<void>;
  /** Discards the entries behind the first `keep` of a slot without a job. @returns number of kept entries */
  cut(keep: number, held: Held): Promise<number>;
  /** Writes the slot's KV cache to a file. @returns bytes of the file */
  save(path: string, held: Held): Promise<number>;
  /**
   * Replaces the slot's KV cache by these entries, from a file that must belong to this model.
   * @returns false if the file does not begin with these entries, or the library rejects it; the slot's contents are then unknown
   */
  load(path: string, entries: readonly HeldEntry[]): Promise<boolean>;
  clear(): Promise<void>;
}

interface Job {
  readonly sampling: SlotSampling;
  readonly held: Held;
  readonly work: SlotWork;
}

export function createSlot({ id, passes, sampling: context, capacity }: SlotOptions): Slot {
  let job: Job | undefined;

  function currentJob(): Job {
    if (job === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return job;
  }

  /** Discards the entries behind the first `keep`. @returns number of entries left */
  async function cut(keep: number, { entries, nextPosition }: Held): Promise<number> {
    // After a failure, the slot may hold more than the engine knows of. An erasure from the first position on empties it in any case.
    if (keep > 0 && keep === entries.length) return keep;
    const from = positionBehind(entries, keep);
    const kept = await passes.erase(id, from, nextPosition, nextPosition, keep);
    return kept === from ? keep : entriesWithin(entries, kept);
  }

  /** Discards the cells of the wrong guesses, all of them if the entry failed. @param from position of the first guess */
  async function dropWrong(
    from: number,
    guesses: number,
    taken: EntryResult | Promise<EntryResult>,
  ): Promise<EntryResult> {
    const result = await taken;
    const right = result.kind === "token" ? (result.behind?.length ?? 0) : 0;
    if (right < guesses) passes.drop(id, from + right, from + guesses);
    return result;
  }

  function nextAsk(next: Token, at: number): Ask {
    const { topLogprobs: top = 0 } = currentJob().sampling;
    return { at, kind: "logits", request: { tokens: [next], top, total: true } };
  }

  return {
    get adapters() {
      return job?.sampling.adapters;
    },

    async begin(keep, sampling, held, prior) {
      job = undefined;
      const kept = await cut(keep, held);
      const work = await createSlotWork({ slot: id, sampling, prior, passes, context, history: held.tokens });
      passes.configure(id, sampling);
      job = { sampling, held, work };
      return kept;
    },

    rowFor({ from, tokens, guesses = [], nextTokens = [], sample }) {
      const { work, held } = currentJob();
      if (guesses.length > 0 && !passes.takesGuesses) throw new Error(`Cannot step slot ${id}: it takes no guesses`);
      if (held.entries.length + guesses.length > capacity) {
        return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
      }
      const asks = nextTokens.map(nextAsk);
      if (sample) asks.push(...work.asks(tokens.length - 1, from + tokens.length, guesses));
      return { slot: id, from, tokens: guesses.length === 0 ? tokens : [...tokens, ...guesses], asks };
    },

    resultOf({ from, tokens, guesses = [], nextTokens, sample, forced }, answers) {
      const { sampling, work } = currentJob();
      const nextLogprobs = nextTokens?.map((next, i) => {
        const answer = answers[i];
        if (answer?.kind !== "logits") throw new Error("The library returned no logits for a token of the prompt");
        return logprobsOf(answer.logits, next, sampling.topLogprobs ?? 0);
      });
      if (!sample) return nextLogprobs === undefined ? { kind: "none" } : { kind: "none", nextLogprobs };
      const taken = work.take(answers.slice(nextTokens?.length), forced);
      if (guesses.length > 0) return dropWrong(from + tokens.length, guesses.length, taken);
      if (nextLogprobs === undefined) return taken;
      const add = (result: EntryResult): EntryResult =>
        result.kind === "token" ? { ...result, nextLogprobs } : result;
      return taken instanceof Promise ? taken.then(add) : add(taken);
    },

    async shift(keep, discard) {
      const { held, work } = currentJob();
      await passes.erase(id, keep, keep + discard, held.nextPosition);
      work.discard(discard);
    },

    async end(keep) {
      if (job !== undefined) await cut(keep, job.held);
      job = undefined;
    },

    cut,

    save: async (path, { entries }) => await passes.save(id, path, entries.map(tokenInFile)),

    async load(path, entries) {
      if (job !== undefined) throw new Error(`Cannot load a snapshot into slot ${id}: a job is running in it`);
      let found: readonly Token[];
      try {
        found = await passes.load(id, path);
      } catch {
        return false;
      }
      if (found.length > capacity || entries.some((entry, i) => tokenInFile(entry) !== found[i])) return false;
      // The file holds everything that the saved slot held.
      const end = positionBehind(entries, entries.length);
      if (found.length > entries.length) await passes.erase(id, end, Infinity, Infinity, entries.length);
      return true;
    },

    clear: async () => void (await passes.erase(id, 0, 0, 0)),
  };
}

/** A file has tokens only. Which pictures the cells are of is in the snapshot's description. */
function tokenInFile(entry: HeldEntry): Token {
  return isCell(entry) ? 0 : entry;
}
