// Owns a slot: the tokens of its sequence, and its job. It makes the batch row of an entry, and the entry's result from the answers. It does not
// depend on other slots or on the driver.
import type { BatchEntry, EntryResult, SlotSampling, Token } from "@waggle/engine";
import { logprobsOf } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, BatchRow, Passes, QueuedRow } from "../passes/passes.ts";
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
  /** Number of tokens in the slot. */
  readonly held: number;
  /** Scales of the adapters in the job's request; undefined for the scales at load. */
  readonly adapters: readonly number[] | undefined;
  /** Begins a job. @returns number of kept tokens; with recurrent layers it may be less than `keepTokens` */
  begin(keepTokens: number, sampling: SlotSampling): Promise<number>;
  /** Makes the entry's batch row, or its failure. The row's tokens count as held from now on. */
  rowFor(entry: BatchEntry): BatchRow | EntryResult;
  /** Makes the entry's result from the answers to its row. */
  resultOf(entry: BatchEntry, answers: readonly Answer[]): EntryResult | Promise<EntryResult>;
  /** Whether a pass may be queued for the job before the result of the running pass is known. */
  readonly canBeQueued: boolean;
  /** Makes the row of a queued pass. */
  rowAhead(): QueuedRow;
  /** Call it when the queued pass was withdrawn. */
  withdrawAhead(): void;
  shift(keepTokens: number, discardTokens: number): Promise<void>;
  end(): Promise<void>;
  /** Writes the slot's KV cache to a file. @returns bytes of the file */
  save(path: string): Promise<number>;
  /**
   * Replaces the slot's KV cache by that of a file, which must belong to this model.
   * @returns false if the file does not begin with these tokens, or the library rejects it
   */
  load(path: string, tokens: readonly Token[]): Promise<boolean>;
  clear(): Promise<void>;
}

interface Job {
  readonly sampling: SlotSampling;
  readonly work: SlotWork;
  /** Number of tokens, from the first, that no shift has moved. */
  unshifted: number;
  /** Whether a queued pass feeds the token that the running pass samples. */
  isQueued: boolean;
}

export function createSlot({ id, passes, sampling: context, capacity }: SlotOptions): Slot {
  let tokens: Token[] = [];
  let job: Job | undefined;

  function currentJob(): Job {
    if (job === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return job;
  }

  async function erase(from: number, to: number): Promise<void> {
    const held = await passes.erase(id, from, to, tokens.length);
    tokens.splice(from, to - from);
    tokens.length = Math.min(tokens.length, held);
  }

  /** Tokens that an entry feeds. */
  function fedBy(entry: BatchEntry): readonly Token[] {
    if (entry.kind === "prefill") {
      if (entry.tokens.length === 0) throw new Error(`Cannot prefill slot ${id}: the entry has no tokens`);
      return entry.tokens;
    }
    const { last } = currentJob().work;
    if (last === undefined) throw new Error(`Cannot decode in slot ${id}: it has sampled no token`);
    return [last];
  }

  function nextAsk(next: Token, at: number): Ask {
    const { topLogprobs: top = 0 } = currentJob().sampling;
    return { at, kind: "logits", request: { tokens: [next], top, total: true } };
  }

  return {
    get held() {
      return tokens.length;
    },
    get adapters() {
      return job?.sampling.adapters;
    },

    async begin(keepTokens, sampling) {
      const held = tokens.length;
      if (keepTokens > held) throw new Error(`Cannot keep ${keepTokens} tokens in slot ${id}: it holds ${held}`);
      job = undefined;
      if (keepTokens < held) await erase(keepTokens, held);
      const work = await createSlotWork({ slot: id, sampling, passes, context, history: () => tokens });
      passes.configure(id, sampling);
      job = { sampling, work, unshifted: Infinity, isQueued: false };
      return tokens.length;
    },

    rowFor(entry) {
      const { work } = currentJob();
      const fed = fedBy(entry);
      const from = tokens.length;
      if (from + fed.length > capacity) {
        return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
      }
      for (const token of fed) tokens.push(token);
      const nextTokens = entry.kind === "prefill" ? (entry.nextTokens ?? []) : [];
      const asks = nextTokens.map(nextAsk);
      if (entry.kind === "decode" || entry.sample) asks.push(work.ask(fed.length - 1));
      return { slot: id, from, tokens: fed, asks };
    },

    resultOf(entry, answers) {
      const current = currentJob();
      const { sampling, work } = current;
      if (entry.kind === "decode") {
        const taken = work.take(answers[0], entry.forced);
        if (current.isQueued && work.last !== undefined && !(taken instanceof Promise) && taken.kind === "token") {
          tokens.push(work.last);
        }
        current.isQueued = false;
        return taken;
      }
      const nextLogprobs = entry.nextTokens?.map((next, i) => {
        const answer = answers[i];
        if (answer?.kind !== "logits") throw new Error("The library returned no logits for a token of the prompt");
        return logprobsOf(answer.logits, next, sampling.topLogprobs ?? 0);
      });
      const withLogprobs = nextLogprobs === undefined ? {} : { nextLogprobs };
      if (!entry.sample) return { kind: "none", ...withLogprobs };
      const add = (taken: EntryResult): EntryResult => {
        return taken.kind === "token" ? { ...taken, ...withLogprobs } : taken;
      };
      const taken = work.take(answers.at(-1), entry.forced);
      return taken instanceof Promise ? taken.then(add) : add(taken);
    },

    get canBeQueued() {
      return tokens.length < capacity && currentJob().work.drawAhead() !== undefined;
    },

    rowAhead() {
      const current = currentJob();
      const draw = current.work.drawAhead();
      if (draw === undefined) throw new Error(`Cannot queue a pass for slot ${id}: its next token must be known first`);
      current.isQueued = true;
      return { slot: id, position: tokens.length, draw };
    },

    withdrawAhead() {
      const current = currentJob();
      // The token for the queued pass has already been sampled, and pushed by `resultOf`.
      if (!current.isQueued) tokens.pop();
      current.isQueued = false;
    },

    async shift(keepTokens, discardTokens) {
      const current = currentJob();
      const [held, end] = [tokens.length, keepTokens + discardTokens];
      // If the first token were discarded, the library would compute all other tokens again in one piece.
      if (keepTokens < 1 || discardTokens < 1 || end > held) {
        throw new Error(`Cannot discard tokens ${keepTokens} to ${end} in slot ${id}: it holds ${held}`);
      }
      await erase(keepTokens, end);
      current.unshifted = Math.min(current.unshifted, keepTokens);
      current.work.discard(discardTokens);
    },

    async end() {
      // Drop the tokens that a shift has moved: their KV cache depends on discarded tokens, so no later prompt can use it.
      if (job !== undefined && job.unshifted < tokens.length) await erase(job.unshifted, tokens.length);
      job = undefined;
    },

    save: async (path) => await passes.save(id, path, tokens),

    async load(path, wanted) {
      if (job !== undefined) throw new Error(`Cannot load a snapshot into slot ${id}: a job is running in it`);
      tokens = [];
      try {
        tokens = [...(await passes.load(id, path))];
      } catch {
        return false;
      }
      return tokens.length <= capacity && wanted.every((token, i) => tokens[i] === token);
    },

    async clear() {
      if (tokens.length > 0) await erase(0, tokens.length);
    },
  };
}
