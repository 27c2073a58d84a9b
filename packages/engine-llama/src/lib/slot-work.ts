// Owns the sampling of the job in a slot: what is asked after the last token that is computed for it, and which token the answer comes to.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { EntryResult, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { AmbiguityError } from "./grammar-matcher.ts";
import type { GrammarRun } from "./grammar-run.ts";
import { createLogitSampler, logprobsOf } from "./logit-sampler.ts";
import type { Answer, Ask, Passes, Draw } from "./passes.ts";
import { hasRepeatPenalty, neverEnds, type SamplingContext } from "./sampling.ts";
import { tokenSeed } from "./token-seed.ts";

export interface SlotWork {
  /** What to ask about the place at this index of a row, the last one. */
  ask(at: number): Ask;
  /** How the place after that one is drawn, whatever comes there; undefined where that has to be looked at first. */
  drawAhead(): Draw | undefined;
  /**
   * The token that follows, or why there is none.
   * @param forced taken instead of sampling, where the grammar allows it
   */
  take(answer: Answer | undefined, forced: Token | undefined): EntryResult | Promise<EntryResult>;
  /** The one that came last, which the next entry feeds. */
  readonly last: Token | undefined;
  /** Tokens at the head of the context have been discarded: they count for where the text is. */
  discard(tokens: number): void;
}

export interface SlotWorkOptions {
  readonly slot: number;
  readonly sampling: SlotSampling;
  readonly passes: Pick<Passes, "look">;
  readonly context: SamplingContext;
  /** What the slot holds. */
  readonly history: () => readonly Token[];
}

/** Of what was said before, the grammar follows so many in one turn of the event loop. */
const saidTokensPerTurn = 256;

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
  const looks = grammar !== undefined || topLogprobs !== undefined || endless;
  /** The library cannot sample for this job; or it can, but what has to be known of the logits then would be gone. */
  const alone = sampling.fillIn === true || hasDry || (passes.look === undefined && looks);
  const penalised = hasRepeatPenalty(sampling);
  let last: Token | undefined;
  let discarded = sampling.said?.discarded ?? 0;

  /** Each place has random numbers of its own: the same ones whatever else is in the batch, and whoever goes on from here. */
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
    // What closes a thought may be what the grammar has no room for: then the model finds its own way.
    const wanted = forced !== undefined && grammar?.allows(forced) !== false ? forced : undefined;
    if (answer.kind === "logits") {
      const token = wanted ?? sampler.sample(answer.place, seed());
      return accept(token, token === undefined ? undefined : logprobsIn(answer, token));
    }
    if (wanted !== undefined) return takeForced(wanted);
    if (answer.token === undefined || grammar?.allows(answer.token) !== false) {
      return accept(answer.token, answer.logprobs);
    }
    return chooseAllowed();
  }

  /** The grammar refuses what the library has sampled, so the choice is among what it allows. */
  async function chooseAllowed(): Promise<EntryResult> {
    if (passes.look === undefined) throw new Error("There are no logits left to look at");
    const place = await passes.look(slot, sampler.request());
    const token = sampler.sample(place, seed());
    return accept(token, token === undefined ? undefined : logprobsIn({ kind: "logits", place }, token));
  }

  function takeForced(token: Token): EntryResult | Promise<EntryResult> {
    if (topLogprobs === undefined || passes.look === undefined) return accept(token, undefined);
    return passes
      .look(slot, { tokens: [token], top: topLogprobs, total: true })
      .then((place) => accept(token, logprobsOf(place, token, topLogprobs)));
  }

  function logprobsIn({ place }: Answer & { kind: "logits" }, token: Token): TokenLogprobs | undefined {
    return topLogprobs === undefined ? undefined : logprobsOf(place, token, topLogprobs);
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
      // The sampler knows what the penalties look back on: it has sampled it.
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
  { answer, grammar, said }: SlotSampling,
  { grammars }: SamplingContext,
): Promise<GrammarRun | undefined> {
  if (answer === undefined && grammar === undefined) return undefined;
  const run =
    answer === undefined
      ? await grammars.begin(grammar ?? "")
      : await grammars.beginAnswer(answer.grammar, answer.said);
  await follow(run, said?.ids ?? []);
  return run;
}

/** As far as the job has been before. */
async function follow(run: GrammarRun, said: readonly Token[]): Promise<void> {
  for (const [at, token] of said.entries()) {
    if (at % saidTokensPerTurn === saidTokensPerTurn - 1) await nextTurn();
    run.accept(token);
  }
}

/** What the request leaves to the model is nothing: a grammar that leads nowhere, a bias on everything. */
const nothingAllowed: EntryResult = {
  kind: "failed",
  code: "invalid_argument",
  message: "The model gave no token that the request allows",
};

/** @throws the error, where it is none of the grammar's */
function grammarFailure(error: unknown): EntryResult {
  if (!(error instanceof AmbiguityError)) throw error;
  return { kind: "failed", code: "invalid_argument", message: `The grammar ${error.message}` };
}
