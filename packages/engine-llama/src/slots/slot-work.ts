// Samples the tokens of a slot's job: makes the ask for the last sample position of a batch row, and chooses the next token from the answer.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryResult, PriorTokens, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError } from "@waggle/grammar/gbnf";
import type { GrammarRun } from "@waggle/grammar/gbnf";
import { createLogitSampler, logprobsOf } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, Passes } from "../passes/passes.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "../sampling/sampling.ts";
import { tokenSeed } from "../sampling/random.ts";

export interface SlotWork {
  /**
   * Makes the asks for the sample positions of a batch row: behind the last token in front of the guesses, and behind each guess.
   * @param at index of that token in the row
   * @param next position of the token that is sampled behind it
   */
  asks(at: number, next: number, guesses: readonly Token[]): Ask[];
  /**
   * Chooses the next token, and the tokens behind right guesses.
   * @param answers to the asks
   * @param forced used instead of a sampled token, if the grammar allows it
   */
  take(answers: readonly Answer[], forced: Token | undefined): EntryResult | Promise<EntryResult>;
  /** Call it when a shift has discarded tokens: discarded tokens still count for the positions of later tokens. */
  discard(tokens: number): void;
}

interface SampledToken {
  readonly token: Token;
  readonly logprobs?: TokenLogprobs;
}

export interface SlotWorkOptions {
  readonly slot: number;
  readonly sampling: SlotSampling;
  /** Output that comes before the first token. */
  readonly prior: PriorTokens | undefined;
  readonly passes: Pick<Passes, "readLogits" | "canSample">;
  readonly context: SamplingContext;
  /** What the slot holds. The list grows with each pass. */
  readonly history: readonly Token[];
}

/** Number of tokens of earlier output that the grammar accepts in a turn of the event loop. */
const outputTokensPerTurn = 256;

/** @throws WaggleError invalid_argument if the grammar is invalid or does not allow the answer's beginning */
export async function createSlotWork({
  slot,
  sampling,
  prior,
  passes,
  context,
  history,
}: SlotWorkOptions): Promise<SlotWork> {
  const { topLogprobs } = sampling;
  const grammar = await grammarOf(sampling, context, prior?.ids ?? []);
  const hasDry = sampling.dry_multiplier !== 0;
  const endless = neverEnds(sampling, context);
  const sampler = createLogitSampler({
    sampling,
    history: () => (place === 0 ? history : [...history, ...row.guesses.slice(0, place)]),
    banned: (token) => endless && context.isEndOfGeneration(token),
    vocabulary: context,
    grammar,
    dryBreakers: hasDry ? await context.dryBreakers(sampling.dry_sequence_breakers) : undefined,
  });
  /** Whether our sampler always samples, because the pass cannot sample for this job. */
  const alone = sampling.fillIn === true || !passes.canSample(sampling);
  const penalised = hasRepeatPenalty(sampling);
  /** The arguments of the last `asks`. */
  let row: { readonly at: number; readonly next: number; readonly guesses: readonly Token[] } = {
    at: -1,
    next: 0,
    guesses: [],
  };
  /** Number of right guesses in front of the token that is chosen now. */
  let place = 0;
  let discarded = prior?.discarded ?? 0;

  /** Seed of a position. It is the same in any batch, and in an engine that resumes the job. */
  function seed(position: number): number {
    return tokenSeed(sampling.seed, position + discarded);
  }

  function askFor({ at, next }: typeof row, guessed: number): Ask {
    if (alone) return { at: at + guessed, kind: "kept" };
    // The library's sampler counts the right guesses for the penalties itself.
    const recent = penalised && guessed === 0 ? history.slice(-sampling.repeat_last_n) : undefined;
    return { at: at + guessed, kind: "draw", draw: { seed: seed(next + guessed), recent, topLogprobs } };
  }

  /** @param answer undefined if the library has not sampled here */
  function choose(answer: Answer | undefined, forced: Token | undefined): EntryResult | Promise<EntryResult> {
    // The forced token ends a thought. If the grammar does not allow the forced token, the thought continues.
    const wanted = forced !== undefined && grammar?.allows(forced) !== false ? forced : undefined;
    if (wanted !== undefined) return takeForced(wanted);
    if (answer?.kind === "token" && (answer.token === undefined || grammar?.allows(answer.token) !== false)) {
      return accept(answer.token, answer.logprobs);
    }
    return chooseAllowed();
  }

  /** Chooses with our sampler, for example after the grammar rejected the library's token. */
  async function chooseAllowed(): Promise<EntryResult> {
    const logits = await passes.readLogits(slot, row.at + place, sampler.request());
    const token = sampler.sample(logits, seed(row.next + place));
    const isScored = token !== undefined && topLogprobs !== undefined;
    return accept(token, isScored ? logprobsOf(logits, token, topLogprobs) : undefined);
  }

  function takeForced(token: Token): EntryResult | Promise<EntryResult> {
    if (topLogprobs === undefined) return accept(token, undefined);
    return passes
      .readLogits(slot, row.at + place, { tokens: [token], top: topLogprobs, total: true })
      .then((logits) => accept(token, logprobsOf(logits, token, topLogprobs)));
  }

  function accept(token: Token | undefined, logprobs: TokenLogprobs | undefined): EntryResult {
    if (token === undefined) return nothingAllowed;
    grammar?.accept(token);
    return logprobs === undefined ? { kind: "token", token } : { kind: "token", token, logprobs };
  }

  function takeAt(answer: Answer | undefined, forced: Token | undefined): EntryResult | Promise<EntryResult> {
    try {
      const chosen = choose(answer, forced);
      return chosen instanceof Promise ? chosen.catch(grammarFailure) : chosen;
    } catch (error) {
      return grammarFailure(error);
    }
  }

  /** Adds the tokens behind right guesses. A failure behind a right guess is not reported, because the next step repeats it. */
  async function takeBehind(first: EntryResult, answers: readonly Answer[]): Promise<EntryResult> {
    if (first.kind !== "token") return first;
    const behind: SampledToken[] = [];
    let last: SampledToken = first;
    let hasSampled = true;
    for (const [i, guess] of row.guesses.entries()) {
      if (last.token !== guess || context.isEndOfGeneration(guess)) break;
      const before = answers[i];
      // The library samples behind a guess that it has sampled itself. The grammar may have chosen the guess instead.
      hasSampled &&= before?.kind === "token" && before.token === guess;
      place = i + 1;
      const next = await takeAt(hasSampled ? answers[place] : undefined, undefined);
      if (next.kind !== "token") break;
      const { token, logprobs } = next;
      last = logprobs === undefined ? { token } : { token, logprobs };
      behind.push(last);
    }
    return { ...first, behind };
  }

  return {
    asks(at, next, guesses) {
      row = { at, next, guesses };
      return Array.from({ length: 1 + guesses.length }, (_, guessed) => askFor(row, guessed));
    },
    take(answers, forced) {
      if (answers.length === 0) throw new Error(`The pass has no answer for slot ${slot}`);
      place = 0;
      const first = takeAt(answers[0], forced);
      if (answers.length === 1) return first;
      return Promise.resolve(first).then((result) => takeBehind(result, answers));
    },
    discard(tokens) {
      discarded += tokens;
    },
  };
}

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
  await follow(run, output);
  return run;
}

/** Makes the grammar accept the job's earlier output. */
async function follow(run: GrammarRun, output: readonly Token[]): Promise<void> {
  for (const [at, token] of output.entries()) {
    if (at % outputTokensPerTurn === outputTokensPerTurn - 1) await nextTurn();
    run.accept(token);
  }
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
