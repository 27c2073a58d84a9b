// Owns a slot's job: its sampler, grammar and adapters. Makes the batch row of an entry, and the entry's result from the row's outputs. The library samples
// unless the grammar forbids its token or it cannot sample for the job. What the slot holds belongs to the engine. A slot does not depend on others.
import { setImmediate as nextTurn } from "node:timers/promises";
import { entriesWithin, positionBehind, tokensOf } from "@waggle/engine";
import type { BatchEntry, EntryResult, Held, PriorTokens, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError, type GrammarRun } from "@waggle/grammar/gbnf";
import type { BatchRow, Output, OutputRequest, Passes } from "../passes/passes.ts";
import { createLogitSampler, logprobsOf, type LogitSampler } from "../sampling/logit-sampler.ts";
import { tokenSeed } from "../sampling/random.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "../sampling/sampling.ts";

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
  /**
   * Begins a job.
   * @returns number of kept entries; with recurrent layers it may be less than `keep`
   * @throws WaggleError invalid_argument if the grammar is invalid or does not allow the answer's beginning
   */
  begin(keep: number, sampling: SlotSampling, held: Held, prior?: PriorTokens): Promise<number>;
  /** Makes the entry's batch row, or its failure. */
  rowFor(entry: BatchEntry): BatchRow | EntryResult;
  /** Makes the entry's result from the outputs of its row. */
  resultOf(entry: BatchEntry, outputs: readonly Output[]): EntryResult | Promise<EntryResult>;
  shift(keep: number, discard: number): Promise<void>;
  end(keep: number): Promise<void>;
  /** Discards the entries behind the first `keep` of a slot without a job. @returns number of kept entries */
  cut(keep: number, held: Held): Promise<number>;
}

interface Job {
  readonly sampling: SlotSampling;
  readonly held: Held;
  readonly grammar: GrammarRun | undefined;
  readonly sampler: LogitSampler;
  /** Whether our sampler always samples, because the pass cannot sample for this job. */
  readonly alone: boolean;
  /** Number of tokens that shifts have discarded: they still count for the positions of later tokens. */
  discarded: number;
  /** The right drafts in front of the token that is chosen now. */
  right: readonly Token[];
}

/** Number of tokens of earlier output that the grammar accepts in a turn of the event loop. */
const outputTokensPerTurn = 256;

export function createSlot({ id, passes, sampling: context, capacity }: SlotOptions): Slot {
  let current: Job | undefined;

  function currentJob(): Job {
    if (current === undefined) throw new Error(`Cannot step slot ${id}: no work has begun in it`);
    return current;
  }

  async function cut(keep: number, { entries, chunks, nextPosition }: Held): Promise<number> {
    // After a failure, the slot may hold more than the engine knows of. An erasure from the first position on empties it in any case.
    if (keep > 0 && keep === entries.length) return keep;
    const from = positionBehind(chunks, keep);
    const kept = await passes.erase(id, from, nextPosition, nextPosition, keep);
    return kept === from ? keep : entriesWithin(chunks, kept);
  }

  async function jobOf(sampling: SlotSampling, held: Held, prior?: PriorTokens): Promise<Job> {
    const grammar = await grammarOf(sampling, context, prior?.ids ?? []);
    const endless = neverEnds(sampling, context);
    const hasDry = sampling.dry_multiplier !== 0;
    const job: Job = {
      sampling,
      held,
      grammar,
      sampler: createLogitSampler({
        sampling,
        history: () => (job.right.length === 0 ? tokensIn(held) : [...tokensIn(held), ...job.right]),
        banned: (token) => endless && context.isEndOfGeneration(token),
        vocabulary: context,
        grammar,
        dryBreakers: hasDry ? await context.dryBreakers(sampling.dry_sequence_breakers) : undefined,
      }),
      alone: sampling.fillIn === true || !passes.canSample(sampling),
      discarded: prior?.discarded ?? 0,
      right: [],
    };
    return job;
  }

  /** @param drafted number of drafts in front of the token */
  function requestFor(job: Job, entry: BatchEntry, drafted: number): OutputRequest {
    const at = entry.tokens.length - 1 + drafted;
    if (job.alone) return { at, kind: "kept" };
    const { repeat_last_n: lastN, topLogprobs } = job.sampling;
    // The library's sampler counts the right drafts for the penalties itself.
    const recent = drafted === 0 && hasRepeatPenalty(job.sampling) ? tokensIn(job.held).slice(-lastN) : undefined;
    return { at, kind: "draw", draw: { seed: seedOf(job, entry, drafted), recent, topLogprobs } };
  }

  /**
   * Chooses the token behind the entry's tokens and `job.right`.
   * @param output undefined if the library has not sampled there
   * @param forced used instead of a sampled token, if the grammar allows it
   */
  function take(job: Job, entry: BatchEntry, output?: Output, forced?: Token): EntryResult | Promise<EntryResult> {
    try {
      const chosen = choose(job, entry, output, forced);
      return chosen instanceof Promise ? chosen.catch(grammarFailure) : chosen;
    } catch (error) {
      return grammarFailure(error);
    }
  }

  function choose(job: Job, entry: BatchEntry, output?: Output, forced?: Token): EntryResult | Promise<EntryResult> {
    const { grammar, sampling } = job;
    // The forced token ends a thought. If the grammar does not allow the forced token, the thought continues.
    if (forced !== undefined && grammar?.allows(forced) !== false) {
      return sampling.topLogprobs === undefined ? accept(job, forced) : readAndChoose(job, entry, forced);
    }
    if (output?.kind === "token" && (output.token === undefined || grammar?.allows(output.token) !== false)) {
      return accept(job, output.token, output.logprobs);
    }
    return readAndChoose(job, entry, undefined, output?.kind === "token");
  }

  /** Reads logits, and chooses the forced token, or a token with our sampler, for example after the grammar rejected the library's token. */
  async function readAndChoose(
    job: Job,
    entry: BatchEntry,
    forced: Token | undefined,
    isRejected = false,
  ): Promise<EntryResult> {
    const { sampler, right } = job;
    const { topLogprobs = 0 } = job.sampling;
    const request =
      forced === undefined ? sampler.request(isRejected) : { tokens: [forced], top: topLogprobs, total: true };
    const logits = await passes.readLogits(id, entry.tokens.length - 1 + right.length, request);
    const token = forced ?? sampler.sample(logits, seedOf(job, entry, right.length), isRejected);
    const isScored = token !== undefined && job.sampling.topLogprobs !== undefined;
    return accept(job, token, isScored ? logprobsOf(logits, token, topLogprobs) : undefined);
  }

  /** Adds the tokens behind right drafts, and discards the cells of the wrong ones: all of them if the entry failed. */
  async function takeBehind(
    job: Job,
    entry: BatchEntry,
    drafts: readonly Token[],
    first: EntryResult | Promise<EntryResult>,
    outputs: readonly Output[],
  ): Promise<EntryResult> {
    const result = await first;
    const behind: { readonly token: Token; readonly logprobs?: TokenLogprobs }[] = [];
    let last = result;
    let hasSampled = true;
    for (const [i, draft] of drafts.entries()) {
      // A failure behind a right draft is not reported, because the next step repeats it.
      if (last.kind !== "token" || last.token !== draft || context.isEndOfGeneration(draft)) break;
      const before = outputs[i];
      // The library samples behind a draft that it has sampled itself. The grammar may have chosen the draft instead.
      hasSampled &&= before?.kind === "token" && before.token === draft;
      job.right = drafts.slice(0, i + 1);
      last = await take(job, entry, hasSampled ? outputs[i + 1] : undefined);
      if (last.kind !== "token") break;
      const { token, logprobs } = last;
      behind.push(logprobs === undefined ? { token } : { token, logprobs });
    }
    job.right = [];
    const from = entry.from + entry.tokens.length;
    if (behind.length < drafts.length) passes.drop(id, from + behind.length, from + drafts.length);
    return result.kind === "token" ? { ...result, behind } : result;
  }

  return {
    get adapters() {
      return current?.sampling.adapters;
    },

    async begin(keep, sampling, held, prior) {
      current = undefined;
      const kept = await cut(keep, held);
      const job = await jobOf(sampling, held, prior);
      passes.configure(id, sampling);
      current = job;
      return kept;
    },

    rowFor(entry) {
      const { from, tokens, drafts = [], nextTokens = [], sample } = entry;
      const job = currentJob();
      if (drafts.length > 0 && !passes.takesDrafts) throw new Error(`Cannot step slot ${id}: it takes no drafts`);
      if (job.held.entries.length + drafts.length > capacity) {
        return { kind: "failed", message: `The context of ${capacity + 1} tokens is full` };
      }
      const { topLogprobs: top = 0 } = job.sampling;
      const outputs = nextTokens.map((next, at): OutputRequest => {
        return { at, kind: "logits", request: { tokens: [next], top, total: true } };
      });
      if (sample)
        for (let drafted = 0; drafted <= drafts.length; drafted++) outputs.push(requestFor(job, entry, drafted));
      return { slot: id, from, tokens: drafts.length === 0 ? tokens : [...tokens, ...drafts], outputs };
    },

    resultOf(entry, outputs) {
      const { drafts = [], nextTokens, sample, forced } = entry;
      const job = currentJob();
      const nextLogprobs = nextTokens?.map((next, i) => {
        const output = outputs[i];
        if (output?.kind !== "logits") throw new Error("The library returned no logits for a token of the prompt");
        return logprobsOf(output.logits, next, job.sampling.topLogprobs ?? 0);
      });
      if (!sample) return nextLogprobs === undefined ? { kind: "none" } : { kind: "none", nextLogprobs };
      const sampled = nextTokens === undefined ? outputs : outputs.slice(nextTokens.length);
      if (sampled.length === 0) throw new Error(`The pass has no output for slot ${id}`);
      const first = take(job, entry, sampled[0], forced);
      if (drafts.length > 0) return takeBehind(job, entry, drafts, first, sampled);
      if (nextLogprobs === undefined) return first;
      const add = (result: EntryResult): EntryResult =>
        result.kind === "token" ? { ...result, nextLogprobs } : result;
      return first instanceof Promise ? first.then(add) : add(first);
    },

    async shift(keep, discard) {
      const job = currentJob();
      await passes.erase(id, keep, keep + discard, job.held.nextPosition);
      job.discarded += discard;
    },

    async end(keep) {
      if (current !== undefined) await cut(keep, current.held);
      current = undefined;
    },

    cut,
  };
}

/** Returns what samplers read: the tokens without the cells of pictures. */
function tokensIn({ entries, chunks }: Held): readonly Token[] {
  return chunks.length === 0 ? entries : tokensOf(entries);
}

/** Returns the seed of the token behind the entry's tokens and drafts. It is the same in any batch, and in an engine that resumes the job. */
function seedOf({ sampling, discarded }: Job, { from, tokens }: BatchEntry, drafted: number): number {
  return tokenSeed(sampling.seed, from + tokens.length + drafted + discarded);
}

function accept({ grammar }: Job, token: Token | undefined, logprobs?: TokenLogprobs): EntryResult {
  if (token === undefined) return nothingAllowed;
  grammar?.accept(token);
  return logprobs === undefined ? { kind: "token", token } : { kind: "token", token, logprobs };
}

/** Begins the job's grammar, behind its earlier output. */
async function grammarOf(
  { answer, grammar }: SlotSampling,
  { grammars }: SamplingContext,
  output: readonly Token[],
): Promise<GrammarRun | undefined> {
  if (answer === undefined && grammar === undefined) return undefined;
  const run =
    answer === undefined
      ? await grammars.begin(grammar ?? "")
      : await grammars.beginAnswer(answer.grammar, answer.begun);
  for (const [at, token] of output.entries()) {
    if (at % outputTokensPerTurn === outputTokensPerTurn - 1) await nextTurn();
    run.accept(token);
  }
  return run;
}

/** Result if no token is allowed, for example because the grammar has no continuation, or biases ban every token. */
const nothingAllowed: EntryResult = {
  kind: "failed",
  code: "invalid_argument",
  message: "The model gave no token that the request allows",
};

/** @throws the given error if it is not an AmbiguityError */
function grammarFailure(error: unknown): EntryResult {
  if (!(error instanceof AmbiguityError)) throw error;
  return { kind: "failed", code: "invalid_argument", message: `The grammar ${error.message}` };
}
