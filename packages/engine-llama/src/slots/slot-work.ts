// Samples for the job in a slot: requests its last sample position, and derives the next token from the answer.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryResult, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError } from "@waggle/grammar/gbnf";
import type { GrammarRun } from "@waggle/grammar/gbnf";
import { createLogitSampler, logprobsOf } from "../sampling/logit-sampler.ts";
import type { Answer, Ask, Passes, Draw } from "../passes/passes.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "../sampling/sampling.ts";
import { tokenSeed } from "../sampling/random.ts";

export interface SlotWork {
  /** The ask for the sample position at this index of a batch row, the last one. */
  ask(at: number): Ask;
  /** The draw for the position after that one, before its token is known; undefined where the next token must be known first. */
  drawAhead(): Draw | undefined;
  /**
   * The next token, or the reason for its absence.
   * @param forced used instead of a sampled token, where the grammar allows it
   */
  take(answer: Answer | undefined, forced: Token | undefined): EntryResult | Promise<EntryResult>;
  /** The token sampled last, which the next entry feeds. */
  readonly last: Token | undefined;
  /** So many tokens of the context have been discarded: they still count for the position of the text. */
  discard(tokens: number): void;
}

export interface SlotWorkOptions {
  readonly slot: number;
  readonly sampling: SlotSampling;
  readonly passes: Pick<Passes, "readLogits">;
  readonly context: SamplingContext;
  /** The tokens that the slot holds. */
  readonly history: () => readonly Token[];
}

/** Tokens of earlier output that the grammar accepts in one turn of the event loop. */
const outputTokensPerTurn = 256;

/** @throws WaggleError invalid_argument when the grammar cannot be followed */
export async function createSlotWork({ slot, sampling, passes, context, history }: SlotWorkOptions): Promise<SlotWork> {
  const { topLogprobs } = sampling;
  const grammar = await grammarOf(sampling, context);
  const hasDry = sampling.dry_multiplier !== 0;
  const endless = neverEnds(sampling, context);
  const sampler = createLogitSampler({
    sampling,
    history,
    banned: (token) => endless && context.isEndOfGeneration(token),
    vocabulary: context,
    grammar,
    dryBreakers: hasDry ? await context.dryBreakers(sampling.dry_sequence_breakers) : undefined,
  });
  const readsLogits = grammar !== undefined || topLogprobs !== undefined || endless;
  /** Sampled in JavaScript: the library cannot sample for this job, or its logits could not be read afterwards. */
  const alone = sampling.fillIn === true || hasDry || (passes.readLogits === undefined && readsLogits);
  const penalised = hasRepeatPenalty(sampling);
  let last: Token | undefined;
  let discarded = sampling.priorOutput?.discarded ?? 0;

  /** The seed depends on the position: it is the same in any batch, and in an engine that resumes the job. */
  function seed(ahead = 0): number {
    return tokenSeed(sampling.seed, history().length + discarded + ahead);
  }

  function draw(): Draw {
    return { seed: seed(), recent: penalised ? history().slice(-sampling.repeat_last_n) : undefined, topLogprobs };
  }

  function choose(answer: Answer, forced: Token | undefined): EntryResult | Promise<EntryResult> {
    if (answer.kind === "failed") {
      return { kind: "failed", message: `The entry could not be sampled: ${answer.message}` };
    }
    // The grammar may not allow the end of the thought here; then the model continues without it.
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

  /** Chooses among the tokens that the grammar allows, because it refused the sampled token. */
  async function chooseAllowed(): Promise<EntryResult> {
    if (passes.readLogits === undefined) throw new Error("The logits of the pass cannot be read again");
    const logits = await passes.readLogits(slot, sampler.request());
    const token = sampler.sample(logits, seed());
    return accept(token, token === undefined ? undefined : logprobsIn({ kind: "logits", logits }, token));
  }

  function takeForced(token: Token): EntryResult | Promise<EntryResult> {
    if (topLogprobs === undefined || passes.readLogits === undefined) return accept(token, undefined);
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
    last = token;
    return logprobs === undefined ? { kind: "token", token } : { kind: "token", token, logprobs };
  }

  return {
    ask: (at) => (alone ? { at, kind: "logits", request: sampler.request() } : { at, kind: "draw", draw: draw() }),
    drawAhead() {
      if (alone || grammar !== undefined) return undefined;
      // The sampler itself adds the tokens that it has sampled to the penalties.
      return { seed: seed(1), recent: undefined, topLogprobs };
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
    get last() {
      return last;
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

/** Accepts the job's earlier output. */
async function follow(run: GrammarRun, output: readonly Token[]): Promise<void> {
  for (const [at, token] of output.entries()) {
    if (at % outputTokensPerTurn === outputTokensPerTurn - 1) await nextTurn();
    run.accept(token);
  }
}

/** The result when no token is allowed, for example with a grammar without a continuation or a bias that bans every token. */
const nothingAllowed: EntryResult = {
  kind: "failed",
  code: "invalid_argument",
  message: "The model gave no token that the request allows",
};

/** @throws the error if it is not a grammar error */
function grammarFailure(error: unknown): EntryResult {
  if (!(error instanceof AmbiguityError)) throw error;
  return { kind: "failed", code: "invalid_argument", message: `The grammar ${error.message}` };
}
