// Samples in JavaScript what the library cannot sample: after a grammar has rejected its token, for infill, and with DRY over a whole slot. With the
// same logits and seed it chooses the same token as llama.cpp: the filters have the same order, single precision and random numbers. The order is
// bias, penalties, DRY, `candidate-filters.ts`, XTC, infill, temperature.
import type { Logprobs, SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { dryPenalties, hasDry, type DryBreakers } from "./dry.ts";
import type { GrammarRun } from "@waggle/grammar/gbnf";
import { candidateLimit, filterCandidates, probabilitiesOf, weightsOf, type Candidate } from "./candidate-filters.ts";
import { sureCandidates } from "./infill-sampler.ts";
import { createDraws, type Draws } from "./random.ts";
import type { SamplingContext } from "./sampling.ts";
import { samplingNumbers } from "./sampling-numbers.ts";

export interface LogitSamplerOptions {
  readonly sampling: SlotSampling;
  /** All tokens in the slot, oldest first. */
  readonly history: () => readonly Token[];
  /** Whether a token must not be sampled. */
  readonly banned: (token: Token) => boolean;
  /** The model's vocabulary; only infill needs it. */
  readonly vocabulary?: SampledVocabulary | undefined;
  /** The job's grammar. `allows` is slow, so the sampler calls it for few tokens. */
  readonly grammar?: Pick<GrammarRun, "allows" | "candidates"> | undefined;
  readonly dryBreakers?: DryBreakers | undefined;
}

export type SampledVocabulary = Pick<SamplingContext, "isEndOfGeneration" | "tokenBytes" | "end">;

/** The logits that the sampler needs at a sample position. */
export interface LogitsRequest {
  /** Tokens whose logits to read in any case. */
  readonly tokens: readonly Token[];
  /** Number of the most probable tokens whose logits to read. */
  readonly top: number | "all";
  /** Whether to calculate `totalWeight`. */
  readonly total: boolean;
}

export interface PositionLogits {
  /** Raw logits: most probable token first, then the other tokens of the request. */
  readonly logits: ReadonlyMap<Token, number>;
  /** The sum of exp(logit - greatest logit) over the vocabulary. */
  readonly totalWeight?: number | undefined;
}

export interface LogitSampler {
  /**
   * Logits that `sample` needs. Depends on the slot's tokens and the grammar's state, so call it for each sample position.
   * @param isRejected whether the grammar has rejected the token that the library sampled here with the same seed
   */
  request(isRejected?: boolean): LogitsRequest;
  /**
   * @param seed seed of this position, 32 bits
   * @param isRejected as in `request`
   * @returns undefined if no token is left to sample
   */
  sample(position: PositionLogits, seed: number, isRejected?: boolean): Token | undefined;
}

/** What penalties and DRY need to know about the tokens in the slot. */
interface Repeated {
  /** How often each token is in the last `repeat_last_n` tokens. */
  readonly counts: ReadonlyMap<Token, number>;
  /** Number that DRY subtracts from each token's logit. */
  readonly dry: ReadonlyMap<Token, number>;
}

/** Number of additional logits to read, because some of the most probable tokens may be banned. */
const spareLogits = 16;
/** Number of logits to read with a grammar: a grammar rarely rejects this many of the most probable tokens at once. */
const grammarLogits = 256;
/** llama.cpp computes logits in single precision. */
const { fround } = Math;

export function createLogitSampler(options: LogitSamplerOptions): LogitSampler {
  const { sampling, history, banned, vocabulary, grammar, dryBreakers = new Map() } = options;
  const { repeat_last_n: lastN, topLogprobs } = sampling;
  /** Settings in single precision, as in llama.cpp. */
  const single = samplingNumbers((name) => fround(sampling[name]));
  const mostCandidates = candidateLimit(single);
  const { temperature } = single;
  const bias = new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, value]) => [Number(id), fround(value)]));
  const raised = [...bias].filter(([, value]) => value > 0).map(([token]) => token);
  const { repeat_penalty: repeat, presence_penalty: presence, frequency_penalty: frequency } = single;
  const penalised = lastN > 0 && (repeat !== 1 || presence !== 0 || frequency !== 0);
  const lifts = penalised && (repeat < 1 || presence < 0 || frequency < 0);
  const hasXtc = single.xtc_probability > 0 && single.xtc_threshold <= 0.5;
  const fill = sampling.fillIn === true && !sampling.ignore_eos ? vocabulary : undefined;
  const greedy = temperature <= 0 && fill === undefined;
  const needsAll = lifts || (greedy ? hasXtc : mostCandidates === Infinity);

  function repeatedOf(held: readonly Token[]): Repeated {
    const counts = new Map<Token, number>();
    for (let i = penalised ? Math.max(0, held.length - lastN) : held.length; i < held.length; i++) {
      const token = held[i] ?? 0;
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    return { counts, dry: hasDry(sampling) ? dryPenalties(held, sampling, dryBreakers) : new Map() };
  }

  function candidates(
    { logits }: PositionLogits,
    { counts, dry }: Repeated,
    wants: (token: Token) => boolean = (token) => (bias.get(token) ?? 0) > -100,
  ): Candidate[] {
    const found: Candidate[] = [];
    for (const [token, raw] of logits) {
      if (banned(token) || !wants(token)) continue;
      const biased = fround(raw + (bias.get(token) ?? 0));
      const logit = fround(penalise(biased, counts.get(token) ?? 0) - (dry.get(token) ?? 0));
      found.push({ token, logit });
    }
    return found.sort((a, b) => b.logit - a.logit || a.token - b.token);
  }

  function penalise(logit: number, count: number): number {
    if (count === 0) return logit;
    const repeated = fround(logit <= 0 ? logit * repeat : logit / repeat);
    return fround(repeated - fround(fround(count * frequency) + presence));
  }

  /**
   * As in llama.cpp's programs: samples without the grammar first, and again among the allowed tokens if the grammar rejects the sampled token.
   * @param isRejected whether the first sample was rejected; it has drawn a number
   */
  function choose(position: PositionLogits, repeated: Repeated, draws: Draws, isRejected: boolean): Token | undefined {
    const all = candidates(position, repeated);
    if (isRejected) draws.double();
    else {
      const token = pick(all, draws);
      if (grammar === undefined || (token !== undefined && grammar.allows(token))) return token;
    }
    // If all allowed tokens are banned, the grammar has priority over the bans.
    const bannedTokens = () => candidates(position, repeated, (other) => (bias.get(other) ?? 0) <= -100);
    return pick(allowed(all), draws) ?? pick(allowed(bannedTokens()), draws);
  }

  function allowed(all: readonly Candidate[]): Candidate[] {
    const most = greedy && !hasXtc ? 1 : mostCandidates;
    const found: Candidate[] = [];
    for (const candidate of all) {
      if (found.length >= most) break;
      if (grammar?.allows(candidate.token) === true) found.push(candidate);
    }
    return found;
  }

  function pick(all: readonly Candidate[], draws: Draws): Token | undefined {
    if (all.length === 0) return undefined;
    if (greedy) return excludeTop(all, draws)[0]?.token;
    let rest = excludeTop(filterCandidates(all, single), draws);
    if (fill !== undefined) rest = fillOf(rest, fill);
    if (temperature <= 0) return rest[0]?.token;
    return draw(
      rest.map(({ token, logit }) => ({ token, logit: fround(logit / temperature) })),
      draws,
    );
  }

  /** Applies XTC: of the tokens above the threshold, only the least probable stays. */
  function excludeTop(all: readonly Candidate[], draws: Draws): readonly Candidate[] {
    if (!hasXtc || all.length < 2 || draws.float() > single.xtc_probability) return all;
    const below = probabilitiesOf(all).findIndex((probability) => !(probability >= single.xtc_threshold));
    const last = (below === -1 ? all.length : below) - 1;
    return last > 0 ? all.slice(last) : all;
  }

  let [seen, repeated] = [-1, repeatedOf([])];
  function updateRepeated(): number {
    const held = history();
    if (held.length !== seen) [seen, repeated] = [held.length, repeatedOf(held)];
    return repeated.counts.size + repeated.dry.size;
  }

  return {
    request(isRejected = false) {
      seen = -1;
      // Read enough logits: a token that is not read cannot be chosen if enough tokens above it have unchanged logits.
      const lowered = updateRepeated() + bias.size - raised.length;
      const total = topLogprobs !== undefined;
      const left = isRejected && !hasXtc ? grammar?.candidates() : undefined;
      if (left?.areAll === true) return { tokens: left.tokens, top: topLogprobs ?? 0, total };
      if (needsAll) return { tokens: [], top: "all", total };
      const wanted = (greedy ? 1 : mostCandidates) + lowered + spareLogits;
      const ends = fill === undefined || fill.end === null ? [] : [fill.end];
      return {
        tokens: [...raised, ...ends, ...(grammar?.candidates().tokens ?? [])],
        top: Math.max(wanted, topLogprobs ?? 0, grammar === undefined ? 0 : grammarLogits),
        total,
      };
    },
    sample(position, seed, isRejected = false) {
      updateRepeated();
      // XTC draws a number only if several tokens are left, so with XTC the first sample is repeated.
      return choose(position, repeated, createDraws(seed), isRejected && !hasXtc);
    },
  };
}

/**
 * @param position must have `totalWeight`, the token's logit and at least `count` most probable tokens
 * @returns natural logarithms of probabilities in the model's raw distribution
 */
export function logprobsOf(position: PositionLogits, token: Token, count: number): TokenLogprobs {
  const { logprobs, top } = readLogprobs(position, [token], count);
  return { logprob: logprobs[0] ?? -Infinity, top };
}

/** @param count number of the most probable tokens */
export function readLogprobs(
  { logits, totalWeight }: PositionLogits,
  tokens: readonly Token[],
  count: number,
): Logprobs {
  if (totalWeight === undefined) throw new Error("Cannot compute logprobs without the sum over the vocabulary");
  const [greatest = 0] = logits.values();
  const logprobOf = (logit: number): number => logit - greatest - Math.log(totalWeight);
  const top: { readonly token: Token; readonly logprob: number }[] = [];
  for (const [id, logit] of logits) {
    if (top.length >= count) break;
    top.push({ token: id, logprob: logprobOf(logit) });
  }
  return { logprobs: tokens.map((token) => logprobOf(logits.get(token) ?? -Infinity)), top };
}

/** Draws a candidate at random, by its weight. */
function draw(all: readonly Candidate[], draws: Draws): Token | undefined {
  const weights = weightsOf(all);
  const target = weights.reduce((sum, weight) => sum + weight, 0) * draws.double();
  let sum = 0;
  const at = weights.findIndex((weight) => (sum += weight) >= target);
  return all.at(at)?.token;
}

/** Applies the infill sampler: probable candidates, or else an end token. */
function fillOf(all: readonly Candidate[], known: SampledVocabulary): readonly Candidate[] {
  const probabilities = probabilitiesOf(all);
  const shares = all.map((one, i) => ({ ...one, probability: probabilities[i] ?? 0 }));
  const sure = sureCandidates(shares, known);
  if (sure.length > 0) return sure;
  return known.end === null ? all.slice(0, 1) : [{ token: known.end, logit: 1 }];
}
