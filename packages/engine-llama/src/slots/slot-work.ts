// Samples the tokens of a slot's job: makes the ask for the last sample position of a batch row, and chooses the next token from the answer.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryResult, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError } from "@waggle/grammar/gbnf";
import type { GrammarRun } from "@waggle/grammar/gbnf";
import { createLogitSampler, logprobsOf } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, Passes, Draw } from "../passes/passes.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "../sampling/sampling.ts";
import { tokenSeed } from "../sampling/random.ts";

export interface SlotWork {
  /**
   * Makes the ask for the last sample position of a batch row.
   * @param at index of the token in the row
   * @param next position of the token that is sampled
   */
  ask(at: number, next: number): Ask;
  /** Makes the draw for this position, before the token in front of it is known. Undefined if the job needs to know that token first. */
  drawAhead(next: number): Draw | undefined;
  /**
   * Chooses the next token from the answer.
   * @param forced used instead of a sampled token, if the grammar allows it
   */
  take(answer: Answer | undefined, forced: Token | undefined): EntryResult | Promise<EntryResult>;
  /** Call it when a shift has discarded tokens: discarded tokens still count for the positions of later tokens. */
  discard(tokens: number): void;
}

export interface SlotWorkOptions {
  readonly slot: number;
  readonly sampling: SlotSampling;
  readonly passes: Pick<Passes, "readLogits">;
  readonly context: SamplingContext;
  /** What the slot holds. The list grows with each pass. */
  readonly history: readonly Token[];
}

/** Number of tokens of earlier output that the grammar accepts in a turn of the event loop. */
const outputTokensPerTurn = 256;

/** @throws WaggleError invalid_argument if the grammar is invalid or does not allow the answer's beginning */
export async function createSlotWork({ slot, sampling, passes, context, history }: SlotWorkOptions): Promise<SlotWork> {
  const { topLogprobs } = sampling;
  const grammar = await grammarOf(sampling, context);
  const hasDry = sampling.dry_multiplier !== 0;
  const endless = neverEnds(sampling, context);
  const sampler = createLogitSampler({
    sampling,
    history: () => history,
    banned: (token) => endless && context.isEndOfGeneration(token),
    vocabulary: context,
    grammar,
    dryBreakers: hasDry ? await context.dryBreakers(sampling.dry_sequence_breakers) : undefined,
  });
  /** Whether our sampler always samples, because llama.cpp cannot sample for this job. */
  const alone = sampling.fillIn === true || hasDry;
  const penalised = hasRepeatPenalty(sampling);
  /** Position of the token that is sampled next. */
  let next = 0;
  let discarded = sampling.priorOutput?.discarded ?? 0;

  /** Seed of a position. It is the same in any batch, and in an engine that resumes the job. */
  function seed(position = next): number {
    return tokenSeed(sampling.seed, position + discarded);
  }

  function draw(): Draw {
    return { seed: seed(), recent: penalised ? history.slice(-sampling.repeat_last_n) : undefined, topLogprobs };
  }

  function choose(answer: Answer, forced: Token | undefined): EntryResult | Promise<EntryResult> {
    // The forced token ends a thought. If the grammar does not allow the forced token, the thought continues.
    const wanted = forced !== undefined && grammar?.allows(forced) !== false ? forced : undefined;
    if (answer.kind === "logits") {
      const token = wanted ?? sampler.sample(answer.logits, seed());
      return accept(token, token === undefined ? undefined : logprobsIn(answer, token));
    }
    if (wanted !== undefined) return takeForced(wanted);
    if (answer.token === undefined || grammar?.allows(answer.token) !== false) {
      return accept(answer.token, answer.logprobs);
    }
    return chooseAllowed();
  }

  /** Chooses among the tokens that the grammar allows, after the grammar rejected the library's token. */
  async function chooseAllowed(): Promise<EntryResult> {
    const logits = await passes.readLogits(slot, sampler.request());
    const token = sampler.sample(logits, seed());
    return accept(token, token === undefined ? undefined : logprobsIn({ kind: "logits", logits }, token));
  }

  function takeForced(token: Token): EntryResult | Promise<EntryResult> {
    if (topLogprobs === undefined) return accept(token, undefined);
    return passes
      .readLogits(slot, { tokens: [token], top: topLogprobs, total: true })
      .then((logits) => accept(token, logprobsOf(logits, token, topLogprobs)));
  }

  function logprobsIn({ logits }: Answer & { kind: "logits" }, token: Token): TokenLogprobs | undefined {
    return topLogprobs === undefined ? undefined : logprobsOf(logits, token, topLogprobs);
  }

  function accept(token: Token | undefined, logprobs: TokenLogprobs | undefined): EntryResult {
    if (token === undefined) return nothingAllowed;
    grammar?.accept(token);
    return logprobs === undefined ? { kind: "token", token } : { kind: "token", token, logprobs };
  }

  return {
    ask(at, position) {
      next = position;
      return alone ? { at, kind: "logits", request: sampler.request() } : { at, kind: "draw", draw: draw() };
    },
    drawAhead(position) {
      if (alone || grammar !== undefined) return undefined;
      // `recent` is undefined, because in a queued pass the library's sampler counts the tokens for the penalties itself.
      return { seed: seed(position), recent: undefined, topLogprobs };
    },
    take(answer, forced) {
      if (answer === undefined) throw new Error(`The pass has no answer for slot ${slot}`);
      try {
        const chosen = choose(answer, forced);
        return chosen instanceof Promise ? chosen.catch(grammarFailure) : chosen;
      } catch (error) {
        return grammarFailure(error);
      }
    },
    discard(tokens) {
      discarded += tokens;
    },
  };
}

async function grammarOf(
  { answer, grammar, priorOutput }: SlotSampling,
  { grammars }: SamplingContext,
): Promise<GrammarRun | undefined> {
  if (answer === undefined && grammar === undefined) return undefined;
  const run =
    answer === undefined
      ? await grammars.begin(grammar ?? "")
      : await grammars.beginAnswer(answer.grammar, answer.begun);
  await follow(run, priorOutput?.ids ?? []);
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
