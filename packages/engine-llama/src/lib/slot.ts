// Owns one slot: what its sequence holds, and the job in it. It says what a pass is to compute for an entry and what the answers mean; it knows nothing of
// its neighbours, nor of how passes are computed.
import type { BatchEntry, EntryResult, SlotSampling, Token } from "@waggle/engine";
import { logprobsOf } from "./logit-sampler.ts";
import type { Answer, Ask, PassRow, Passes, RowAhead } from "./passes.ts";
import { createSlotWork, type SlotWork } from "./slot-work.ts";
import type { SamplingContext } from "./sampling.ts";

export interface SlotOptions {
  readonly id: number;
  readonly passes: Passes;
  readonly sampling: SamplingContext;
  /** Most tokens that the slot's cache may hold. */
  readonly capacity: number;
}

export interface Slot {
  /** Tokens that it holds. */
  readonly held: number;
  /** The scales that its job has chosen for the model's adapters, if it has. */
  readonly adapters: readonly number[] | undefined;
  /** @returns how many tokens it keeps: fewer than were asked for where the model's memory cannot be cut there */
  begin(keepTokens: number, sampling: SlotSampling): Promise<number>;
  /** What a pass has to compute for this entry, or why it cannot. Counts as computed at once. */
  rowFor(entry: BatchEntry): PassRow | EntryResult;
  /** What the pass's answers are for that entry. */
  resultOf(entry: BatchEntry, answers: readonly Answer[]): EntryResult | Promise<EntryResult>;
  /** Whether its job lets a pass go on with whatever the pass before samples. */
  readonly goesAhead: boolean;
  /** What such a pass is to compute, behind the one that runs. */
  rowAhead(): RowAhead;
  /** That pass will not be computed. */
  withdrawAhead(): void;
  shift(keepTokens: number, discardTokens: number): Promise<void>;
  end(): Promise<void>;
  /** Writes what the slot holds to this file; returns its bytes. */
  save(path: string): Promise<number>;
  /**
   * Replaces what the slot holds with this file, which must be this model's. False when the file does not begin with
   * these tokens, or the library refuses it.
   */
  load(path: string, tokens: readonly Token[]): Promise<boolean>;
  /** Forgets everything that the slot holds. */
  clear(): Promise<void>;
}

interface Job {
  readonly sampling: SlotSampling;
  readonly work: SlotWork;
  /** How many of the first tokens held no shift has moved. */
  unshifted: number;
  /** A pass behind the one that runs feeds what that one samples. */
  goingAhead: boolean;
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

  /** The tokens that an entry feeds. */
  function fedBy(entry: BatchEntry): readonly Token[] {
    if (entry.kind === "prefill") {
      if (entry.tokens.length === 0) throw new Error(`Cannot prefill slot ${id}: the entry has no tokens`);
      return entry.tokens;
    }
    const { last } = currentJob().work;
    if (last === undefined) throw new Error(`Cannot decode in slot ${id}: it has sampled no token`);
    return [last];
  }

  function followerAsk(follower: Token, at: number): Ask {
    const { topLogprobs: top = 0 } = currentJob().sampling;
    return { at, kind: "logits", request: { tokens: [follower], top, total: true } };
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
      job = { sampling, work, unshifted: Infinity, goingAhead: false };
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
      const followers = entry.kind === "prefill" ? (entry.followers ?? []) : [];
      const asks = followers.map(followerAsk);
      if (entry.kind === "decode" || entry.sample) asks.push(work.ask(fed.length - 1));
      return { slot: id, from, tokens: fed, asks };
    },

    resultOf(entry, answers) {
      const current = currentJob();
      const { sampling, work } = current;
      if (entry.kind === "decode") {
        const taken = work.take(answers[0], entry.forced);
        if (current.goingAhead && work.last !== undefined && !(taken instanceof Promise) && taken.kind === "token") {
          tokens.push(work.last);
        }
        current.goingAhead = false;
        return taken;
      }
      const followers = entry.followers?.map((follower, i) => {
        const answer = answers[i];
        if (answer?.kind !== "logits") throw new Error("The library gave no logits of a prompt's token");
        return logprobsOf(answer.place, follower, sampling.topLogprobs ?? 0);
      });
      const withFollowers = followers === undefined ? {} : { followers };
      if (!entry.sample) return { kind: "none", ...withFollowers };
      const add = (taken: EntryResult): EntryResult => {
        return taken.kind === "token" ? { ...taken, ...withFollowers } : taken;
      };
      const taken = work.take(answers.at(-1), entry.forced);
      return taken instanceof Promise ? taken.then(add) : add(taken);
    },

    get goesAhead() {
      return tokens.length < capacity && currentJob().work.drawAhead() !== undefined;
    },

    rowAhead() {
      const current = currentJob();
      const draw = current.work.drawAhead();
      if (draw === undefined) throw new Error(`Cannot go ahead in slot ${id}: its tokens have to be looked at`);
      current.goingAhead = true;
      return { slot: id, position: tokens.length, draw };
    },

    withdrawAhead() {
      const current = currentJob();
      // What it was to feed is sampled already.
      if (!current.goingAhead) tokens.pop();
      current.goingAhead = false;
    },

    async shift(keepTokens, discardTokens) {
      const current = currentJob();
      const [held, end] = [tokens.length, keepTokens + discardTokens];
      // Without a first token the library would compute all the others again, and in one piece.
      if (keepTokens < 1 || discardTokens < 1 || end > held) {
        throw new Error(`Cannot forget tokens ${keepTokens} to ${end} in slot ${id}: it holds ${held}`);
      }
      await erase(keepTokens, end);
      current.unshifted = Math.min(current.unshifted, keepTokens);
      current.work.discard(discardTokens);
    },

    async end() {
      // The token sampled last was never fed.
      if (job !== undefined && job.unshifted < tokens.length) await erase(job.unshifted, tokens.length);
      job = undefined;
    },

    save: async (path) => await passes.save(id, path, tokens),

    async load(path, wanted) {
      if (job !== undefined) throw new Error(`Cannot load a state into slot ${id}: a job works in it`);
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
