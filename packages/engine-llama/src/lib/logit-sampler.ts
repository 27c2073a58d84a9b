// Owns sampling in our own hands, for what llama.cpp's samplers cannot do: a grammar that refuses, the infill sampler, DRY over all that a
// slot holds. From the same logits and the same seed it chooses the token that they would: the order of the filters, their single precision
// and their random numbers are llama.cpp's. Bias, penalties, DRY, top-k, top-p, min-p, XTC, infill, temperature.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import { dryPenalties, hasDry, type DryBreakers } from "./dry.ts";
import type { GrammarRun } from "./grammar-run.ts";
import { sureCandidates } from "./infill-sampler.ts";
import { createDraws, type Draws } from "./random-draws.ts";

export interface LogitSamplerOptions {
  readonly sampling: SlotSampling;
  /** All tokens that the slot holds, oldest first: those that the place comes after. */
  readonly history: () => readonly Token[];
  /** Tokens that must not come. */
  readonly banned: (token: Token) => boolean;
  /** What there is to know of tokens where a hole is filled. */
  readonly vocabulary?: SampledVocabulary | undefined;
  /** Asked for as few tokens as possible. */
  readonly grammar?: Pick<GrammarRun, "allows" | "candidates"> | undefined;
  /** Where there are none, DRY counts every repetition whole. */
  readonly dryBreakers?: DryBreakers | undefined;
}

export interface SampledVocabulary {
  readonly isEndOfGeneration: (token: Token) => boolean;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** That of a turn, where it has one; null: it has none at all. */
  readonly end: Token | null;
}

/** What the sampler needs to know of a place's logits. */
export interface LogitsRequest {
  /** By their ids. */
  readonly tokens: readonly Token[];
  /** So many of the most probable ones. */
  readonly top: number | "all";
  /** The sum over the vocabulary. */
  readonly total: boolean;
}

export interface PlaceLogits {
  /** Raw logits: the most probable ones first, in that order, then the tokens asked for by id that are not among them. */
  readonly logits: ReadonlyMap<Token, number>;
  /** The sum of exp(logit - greatest logit) over the vocabulary. */
  readonly totalWeight?: number | undefined;
}

export interface LogitSampler {
  /** Asked before each place: it depends on what the slot holds, and on where the grammar is. */
  request(): LogitsRequest;
  /**
   * @param seed of this place, of 32 bits
   * @returns undefined when nothing is left to sample
   */
  sample(place: PlaceLogits, seed: number): Token | undefined;
}

interface Candidate {
  readonly token: Token;
  readonly logit: number;
}

/** What is done to the logits of tokens that the slot holds. */
interface Repeated {
  /** Of the tokens that the penalties look back on. */
  readonly counts: ReadonlyMap<Token, number>;
  /** What DRY takes away. */
  readonly dry: ReadonlyMap<Token, number>;
}

/** Of so many tokens that are left out, the most probable ones may be banned: that many more are fetched. */
const spareLogits = 16;
/** With a grammar: most of what a model would say there is hardly ever refused. */
const grammarLogits = 256;
/** Logits and what is computed from them are single numbers in llama.cpp. */
const { fround } = Math;

export function createLogitSampler(options: LogitSamplerOptions): LogitSampler {
  const { sampling, history, banned, vocabulary, grammar, dryBreakers = new Map() } = options;
  const { top_k: mostCandidates, repeat_last_n: lastN, topLogprobs } = sampling;
  const single = singlesOf(sampling);
  const { temperature } = single;
  const bias = new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, value]) => [Number(id), fround(value)]));
  const raised = [...bias].filter(([, value]) => value > 0).map(([token]) => token);
  const penalised = lastN > 0 && (single.repeat !== 1 || single.presence !== 0 || single.frequency !== 0);
  const lifts = penalised && (single.repeat < 1 || single.presence < 0 || single.frequency < 0);
  const hasXtc = single.xtcProbability > 0 && single.xtcThreshold <= 0.5;
  const fill = sampling.fillIn === true && !sampling.ignore_eos ? vocabulary : undefined;
  const greedy = temperature <= 0 && fill === undefined;
  const needsAll = lifts || (greedy ? hasXtc : mostCandidates === 0);

  function repeatedOf(held: readonly Token[]): Repeated {
    const counts = new Map<Token, number>();
    for (let i = penalised ? Math.max(0, held.length - lastN) : held.length; i < held.length; i++) {
      const token = held[i] ?? 0;
      counts.set(token, (counts.get(token) ?? 0) + 1);
    }
    return { counts, dry: hasDry(sampling) ? dryPenalties(held, sampling, dryBreakers) : new Map() };
  }

  function candidates(
    { logits }: PlaceLogits,
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
    const repeated = fround(logit <= 0 ? logit * single.repeat : logit / single.repeat);
    return fround(repeated - fround(fround(count * single.frequency) + single.presence));
  }

  /** As llama.cpp's callers do it: what nobody refuses stands, and only otherwise is the choice among what the grammar allows. */
  function choose(place: PlaceLogits, repeated: Repeated, draws: Draws): Token | undefined {
    const all = candidates(place, repeated);
    const token = pick(all, draws);
    if (grammar === undefined || (token !== undefined && grammar.allows(token))) return token;
    // Where all that it allows is banned, the grammar comes first.
    const refused = () => candidates(place, repeated, (other) => (bias.get(other) ?? 0) <= -100);
    return pick(allowed(all), draws) ?? pick(allowed(refused()), draws);
  }

  function allowed(all: readonly Candidate[]): Candidate[] {
    const most = greedy && !hasXtc ? 1 : mostCandidates === 0 ? Infinity : mostCandidates;
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
    let rest = mostCandidates > 0 ? all.slice(0, mostCandidates) : all;
    rest = keepLikely(keepMass(rest, single.topP), single.minP);
    rest = excludeTop(rest, draws);
    if (fill !== undefined) rest = fillOf(rest, fill);
    if (temperature <= 0) return rest[0]?.token;
    return draw(
      rest.map(({ token, logit }) => ({ token, logit: fround(logit / temperature) })),
      draws,
    );
  }

  /** What is sure, or else an end. */
  function fillOf(
    all: readonly Candidate[],
    { isEndOfGeneration, tokenBytes, end }: SampledVocabulary,
  ): readonly Candidate[] {
    const probabilities = probabilitiesOf(all);
    const shares = all.map((one, i) => ({ ...one, probability: probabilities[i] ?? 0 }));
    const sure = sureCandidates(shares, { isEnd: isEndOfGeneration, bytesOf: tokenBytes });
    if (sure.length > 0 || end === null) return sure.length > 0 ? sure : all.slice(0, 1);
    return [{ token: end, logit: 1 }];
  }

  /** XTC: of the tokens above the threshold only the least probable one stays. */
  function excludeTop(all: readonly Candidate[], draws: Draws): readonly Candidate[] {
    if (!hasXtc || all.length < 2 || draws.float() > single.xtcProbability) return all;
    const below = probabilitiesOf(all).findIndex((probability) => !(probability >= single.xtcThreshold));
    const last = (below === -1 ? all.length : below) - 1;
    return last > 0 ? all.slice(last) : all;
  }

  let [seen, repeated] = [-1, repeatedOf([])];
  function look(): number {
    const held = history();
    if (held.length !== seen) [seen, repeated] = [held.length, repeatedOf(held)];
    return repeated.counts.size + repeated.dry.size;
  }

  return {
    request() {
      seen = -1;
      // Whatever is not among them has as many above it that nothing lowers as can be chosen.
      const lowered = look() + bias.size - raised.length;
      const total = topLogprobs !== undefined;
      if (needsAll) return { tokens: [], top: "all", total };
      const wanted = (greedy ? 1 : mostCandidates) + lowered + spareLogits;
      const ends = fill === undefined || fill.end === null ? [] : [fill.end];
      return {
        tokens: [...raised, ...ends, ...(grammar?.candidates() ?? [])],
        top: Math.max(wanted, topLogprobs ?? 0, grammar === undefined ? 0 : grammarLogits),
        total,
      };
    },
    sample(place, seed) {
      look();
      return choose(place, repeated, createDraws(seed));
    },
  };
}

/**
 * In the model's raw distribution.
 * @param place with its `totalWeight`, the token, and at least `count` of the most probable ones
 * @returns natural logarithms
 */
export function logprobsOf({ logits, totalWeight }: PlaceLogits, token: Token, count: number): TokenLogprobs {
  if (totalWeight === undefined) throw new Error("Cannot tell logprobs without the sum over the vocabulary");
  const [greatest = 0] = logits.values();
  const logprobOf = (logit: number): number => logit - greatest - Math.log(totalWeight);
  const top: { readonly token: Token; readonly logprob: number }[] = [];
  for (const [id, logit] of logits) {
    if (top.length >= count) break;
    top.push({ token: id, logprob: logprobOf(logit) });
  }
  return { logprob: logprobOf(logits.get(token) ?? -Infinity), top };
}

/** The settings as llama.cpp has them. */
function singlesOf(sampling: SlotSampling) {
  return {
    temperature: fround(sampling.temperature),
    topP: fround(sampling.top_p),
    minP: fround(sampling.min_p),
    repeat: fround(sampling.repeat_penalty),
    presence: fround(sampling.presence_penalty),
    frequency: fround(sampling.frequency_penalty),
    xtcProbability: fround(sampling.xtc_probability),
    xtcThreshold: fround(sampling.xtc_threshold),
  };
}

function weightsOf(all: readonly Candidate[]): number[] {
  const greatest = all[0]?.logit ?? 0;
  return all.map(({ logit }) => fround(Math.exp(fround(logit - greatest))));
}

function probabilitiesOf(all: readonly Candidate[]): number[] {
  const weights = weightsOf(all);
  const total = weights.reduce((sum, weight) => fround(sum + weight), 0);
  return weights.map((weight) => fround(weight / total));
}

/** The most probable ones that together have this mass; always at least one. */
function keepMass(all: readonly Candidate[], mass: number): readonly Candidate[] {
  if (mass >= 1) return all;
  let sum = 0;
  const last = probabilitiesOf(all).findIndex((probability) => (sum = fround(sum + probability)) >= mass);
  return last === -1 ? all : all.slice(0, last + 1);
}

/** Those that are this part as probable as the first one. */
function keepLikely(all: readonly Candidate[], part: number): readonly Candidate[] {
  if (part <= 0) return all;
  const least = fround((all[0]?.logit ?? 0) + fround(Math.log(part)));
  const end = all.findIndex(({ logit }, i) => i > 0 && logit < least);
  return end === -1 ? all : all.slice(0, end);
}

/** The first one up to which the weights reach the random part of their sum. */
function draw(all: readonly Candidate[], draws: Draws): Token | undefined {
  const weights = weightsOf(all);
  const target = weights.reduce((sum, weight) => sum + weight, 0) * draws.double();
  let sum = 0;
  const at = weights.findIndex((weight) => (sum += weight) >= target);
  return all.at(at)?.token;
}
