// Owns the choice of a job's tokens: its sampler, grammar, and what to request from a pass for them. The library samples unless the grammar forbids its
// token or it cannot sample for the job. A job knows its slot's number, for reading logits and for dropping cells of wrong drafts.
import { setImmediate as nextTurn } from "node:timers/promises";
import { entryTokens } from "@waggle/engine";
import type { BatchEntry, EntryResult, Held, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError, type GrammarRun } from "@waggle/grammar/gbnf";
import type { Output, OutputRequest, Passes } from "../passes/passes.ts";
import { createLogitSampler, logprobsOf } from "../sampling/logit-sampler.ts";
import { tokenSeed } from "../sampling/random.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "../sampling/sampling.ts";

export interface SlotJobOptions {
  readonly id: number;
  readonly passes: Passes;
  readonly sampling: SamplingContext;
}

export interface SlotJob {
  readonly sampling: SlotSampling;
  readonly held: Held;
  /** @param drafted number of drafts in front of the token */
  requestFor(entry: BatchEntry, drafted: number): OutputRequest;
  /**
   * Chooses the token after the entry's tokens, and those after its right drafts. Discards the cells of the wrong drafts: all of them if the entry failed.
   * @param outputs of the entry's last token and of each draft
   */
  take(entry: BatchEntry, outputs: readonly Output[]): EntryResult | Promise<EntryResult>;
}

/** Number of tokens of earlier output that the grammar accepts in a turn of the event loop. */
const outputTokensPerTurn = 256;

/** @throws WaggleError invalid_argument if the grammar is invalid or does not allow the answer's beginning */
export async function createSlotJob(
  { id, passes, sampling: context }: SlotJobOptions,
  sampling: SlotSampling,
  held: Held,
  output: readonly Token[] = [],
): Promise<SlotJob> {
  const { topLogprobs } = sampling;
  const grammar = await grammarOf(sampling, context, output);
  const endless = neverEnds(sampling, context);
  const hasDry = sampling.dry_multiplier !== 0;
  /** The right drafts in front of the token that is chosen now. */
  let right: readonly Token[] = [];
  const sampler = createLogitSampler({
    sampling,
    history: () => (right.length === 0 ? tokensIn(held) : [...tokensIn(held), ...right]),
    banned: (token) => endless && context.isEndOfGeneration(token),
    vocabulary: context,
    grammar,
    dryBreakers: hasDry ? await context.dryBreakers(sampling.dry_sequence_breakers) : undefined,
  });
  /** Whether our sampler always samples, because the pass cannot sample for this job. */
  const alone = sampling.fillIn === true || !passes.canSample(sampling);

  /** Returns the seed of the token after the entry's tokens and drafts. It is the same in any batch, and in an engine that resumes the job. */
  function seedOf({ from, tokens }: BatchEntry, drafted: number): number {
    return tokenSeed(sampling.seed, from + tokens.length + drafted);
  }

  function accept(token: Token | undefined, logprobs?: TokenLogprobs): EntryResult {
    if (token === undefined) return nothingAllowed;
    grammar?.accept(token);
    return logprobs === undefined ? { kind: "token", token } : { kind: "token", token, logprobs };
  }

  /**
   * Chooses the token after the entry's tokens and `right`.
   * @param output undefined if the library has not sampled there
   * @param forced used instead of a sampled token, if the grammar allows it
   */
  function takeOne(entry: BatchEntry, output?: Output, forced?: Token): EntryResult | Promise<EntryResult> {
    try {
      const chosen = choose(entry, output, forced);
      return chosen instanceof Promise ? chosen.catch(grammarFailure) : chosen;
    } catch (error) {
      return grammarFailure(error);
    }
  }

  function choose(entry: BatchEntry, output?: Output, forced?: Token): EntryResult | Promise<EntryResult> {
    // The forced token ends a thought. If the grammar does not allow the forced token, the thought continues.
    if (forced !== undefined && grammar?.allows(forced) !== false) {
      return topLogprobs === undefined ? accept(forced) : readAndChoose(entry, forced);
    }
    if (output?.kind === "token" && (output.token === undefined || grammar?.allows(output.token) !== false)) {
      return accept(output.token, output.logprobs);
    }
    return readAndChoose(entry, undefined, output?.kind === "token");
  }

  /** Reads logits, and chooses the forced token, or a token with our sampler, for example after the grammar rejected the library's token. */
  async function readAndChoose(entry: BatchEntry, forced?: Token, isRejected = false): Promise<EntryResult> {
    const { length } = right;
    const request =
      forced === undefined ? sampler.request(isRejected) : { tokens: [forced], top: topLogprobs ?? 0, total: true };
    const logits = await passes.readLogits(id, entry.tokens.length - 1 + length, request);
    const token = forced ?? sampler.sample(logits, seedOf(entry, length), isRejected);
    const isScored = token !== undefined && topLogprobs !== undefined;
    return accept(token, isScored ? logprobsOf(logits, token, topLogprobs) : undefined);
  }

  async function takeBehind(
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
      // A failure after a right draft is not reported, because the next step repeats it.
      if (last.kind !== "token" || last.token !== draft || context.isEndOfGeneration(draft)) break;
      const before = outputs[i];
      // The library samples after a draft that it has sampled itself. The grammar may have chosen the draft instead.
      hasSampled &&= before?.kind === "token" && before.token === draft;
      right = drafts.slice(0, i + 1);
      last = await takeOne(entry, hasSampled ? outputs[i + 1] : undefined);
      if (last.kind !== "token") break;
      const { token, logprobs } = last;
      behind.push(logprobs === undefined ? { token } : { token, logprobs });
    }
    right = [];
    const from = entry.from + entry.tokens.length;
    if (behind.length < drafts.length) passes.drop(id, from + behind.length, from + drafts.length);
    return result.kind === "token" ? { ...result, behind } : result;
  }

  return {
    sampling,
    held,
    requestFor(entry, drafted) {
      const at = entry.tokens.length - 1 + drafted;
      if (alone) return { at, kind: "kept" };
      // The library's sampler counts the right drafts for the penalties itself.
      const isCounted = drafted === 0 && hasRepeatPenalty(sampling);
      const recent = isCounted ? tokensIn(held).slice(-sampling.repeat_last_n) : undefined;
      return { at, kind: "draw", draw: { seed: seedOf(entry, drafted), recent, topLogprobs } };
    },
    take(entry, outputs) {
      const { drafts = [], forced } = entry;
      const first = takeOne(entry, outputs[0], forced);
      return drafts.length === 0 ? first : takeBehind(entry, drafts, first, outputs);
    },
  };
}

/** Returns what samplers read: the tokens without the cells of pictures. */
function tokensIn({ entries, chunks }: Held): readonly Token[] {
  return chunks.length === 0 ? entries : entryTokens(entries);
}

/** Begins the job's grammar, after its earlier output. */
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
