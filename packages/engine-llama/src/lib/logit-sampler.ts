// Owns sampling in our own hands, for jobs with logprobs, which the library tells only where it does not sample, and for jobs with a
// grammar, which the library would follow without any bound on the work. The order of the filters is llama.cpp's: bias, penalties, top-k,
// top-p, min-p, XTC, infill, temperature.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { GrammarRun } from "./grammar-run.ts";
import { sureCandidates } from "./infill-sampler.ts";

export interface LogitSamplerOptions {
  readonly sampling: SlotSampling;
  /** What the penalties look back on, as it is at each sampling. */
  readonly recent: () => readonly Token[];
  /** Tokens that must not come. */
  readonly banned: (token: Token) => boolean;
  /** What there is to know of tokens where a hole is filled. */
  readonly vocabulary?: SampledVocabulary | undefined;
  /** Asked for as few tokens as possible. */
  readonly grammar?: Pick<GrammarRun, "allows"> | undefined;
}

export interface SampledVocabulary {
  readonly isEndOfGeneration: (token: Token) => boolean;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** That of a turn, where it has one; null: it has none at all. */
  readonly end: Token | null;
}

export interface LogitSampler {
  /** How many of the most probable tokens' logits are needed; undefined: all of them. */
  readonly needed: number | undefined;
  /**
   * @param logits raw, the most probable one first; all in that order unless there is a grammar
   * @param totalWeight the sum of exp(logit - greatest logit) over the whole vocabulary
   * @returns undefined when nothing is left to sample
   */
  sample(
    logits: ReadonlyMap<Token, number>,
    totalWeight: number,
  ): { readonly token: Token; readonly logprobs: TokenLogprobs } | undefined;
}

/** Of so many tokens that are left out, the most probable ones may be banned: that many more are fetched. */
const spareLogits = 16;
/** With a grammar: most of what a model would say there is hardly ever refused. */
const grammarLogits = 256;

export function createLogitSampler({
  sampling,
  recent,
  banned,
  vocabulary,
  grammar,
}: LogitSamplerOptions): LogitSampler {
  const { topLogprobs = 0 } = sampling;
  const bias = new Map(Object.entries(sampling.logit_bias ?? {}).map(([id, value]) => [Number(id), value]));
  const penalised =
    sampling.repeat_penalty !== 1 || sampling.presence_penalty !== 0 || sampling.frequency_penalty !== 0;
  // Greedy needs one, a cut-off at k needs k; whatever can lift a token from below needs all.
  const fill = sampling.fillIn === true && !sampling.ignore_eos ? vocabulary : undefined;
  const greedy = sampling.temperature === 0 && fill === undefined;
  const wanted = greedy && sampling.xtc_probability === 0 ? 1 : sampling.top_k;
  const reorders = penalised || bias.size > 0 || wanted === 0;
  const random = createRandom(sampling.seed);
  // As in llama.cpp: above one half it never does anything.
  const xtc = sampling.xtc_probability > 0 && sampling.xtc_threshold <= 0.5;

  function candidates(
    logits: ReadonlyMap<Token, number>,
    wants: (token: Token) => boolean = (token) => (bias.get(token) ?? 0) > -100,
  ): [Token, number][] {
    const entries = [...logits].filter(([token]) => !banned(token) && wants(token));
    if (!reorders) return grammar === undefined ? entries : entries.sort((a, b) => b[1] - a[1]);
    const counts = penalised ? countOf(recent().slice(-sampling.repeat_last_n)) : new Map<Token, number>();
    return entries
      .map(([token, logit]): [Token, number] => [
        token,
        penalise(logit + (bias.get(token) ?? 0), counts.get(token) ?? 0),
      ])
      .sort((a, b) => b[1] - a[1]);
  }

  /** After llama.cpp's penalties sampler. */
  function penalise(logit: number, count: number): number {
    if (count === 0) return logit;
    const repeated = logit <= 0 ? logit * sampling.repeat_penalty : logit / sampling.repeat_penalty;
    return repeated - count * sampling.frequency_penalty - sampling.presence_penalty;
  }

  /** As llama.cpp's callers do it: what nobody refuses stands, and only otherwise is the choice among what the grammar allows. */
  function choose(logits: ReadonlyMap<Token, number>): Token | undefined {
    const all = candidates(logits);
    const token = pick(all);
    if (grammar === undefined || (token !== undefined && grammar.allows(token))) return token;
    // Where all that it allows is banned, the grammar comes first.
    return pick(allowed(all)) ?? pick(allowed(candidates(logits, (other) => bias.get(other) === -100)));
  }

  function allowed(all: readonly [Token, number][]): [Token, number][] {
    const most = wanted === 0 ? Infinity : wanted;
    const found: [Token, number][] = [];
    for (const entry of all) {
      if (found.length >= most) break;
      if (grammar?.allows(entry[0]) === true) found.push(entry);
    }
    return found;
  }

  function pick(all: readonly [Token, number][]): Token | undefined {
    if (greedy) return excludeTop(withProbabilities(xtc ? all : all.slice(0, 1), 1))[0]?.token;
    let rest: readonly Candidate[] = withProbabilities(sampling.top_k > 0 ? all.slice(0, sampling.top_k) : all, 1);
    rest = keepMass(rest, sampling.top_p);
    const least = (rest[0]?.probability ?? 0) * sampling.min_p;
    rest = excludeTop(rest.filter(({ probability }) => probability >= least));
    if (fill !== undefined) rest = fillOf(rest, fill);
    if (sampling.temperature === 0) return rest[0]?.token;
    return draw(
      withProbabilities(
        rest.map(({ token, logit }) => [token, logit]),
        sampling.temperature,
      ),
      random(),
    );
  }

  /** What is sure, or else an end. */
  function fillOf(
    candidates: readonly Candidate[],
    { isEndOfGeneration, tokenBytes, end }: SampledVocabulary,
  ): readonly Candidate[] {
    const total = candidates.reduce((sum, { probability }) => sum + probability, 0);
    const shares = candidates.map((one) => ({ ...one, probability: one.probability / total }));
    const sure = sureCandidates(shares, { isEnd: isEndOfGeneration, bytesOf: tokenBytes });
    if (sure.length > 0 || end === null) return sure.length > 0 ? sure : candidates.slice(0, 1);
    return [{ token: end, logit: 0, probability: 1 }];
  }

  /** XTC: of the tokens above the threshold only the least probable one stays. */
  function excludeTop(all: readonly Candidate[]): readonly Candidate[] {
    if (!xtc || all.length < 2 || random() > sampling.xtc_probability) return all;
    const sum = all.reduce((total, { probability }) => total + probability, 0);
    const last = all.findLastIndex(({ probability }) => probability >= sampling.xtc_threshold * sum);
    return last > 0 ? all.slice(last) : all;
  }

  return {
    needed: reorders
      ? undefined
      : Math.max(wanted + spareLogits, topLogprobs, grammar === undefined ? 0 : grammarLogits),
    sample(logits, totalWeight) {
      const token = choose(logits);
      if (token === undefined) return undefined;
      const [greatest = 0] = logits.values();
      const logprobOf = (logit: number): number => logit - greatest - Math.log(totalWeight);
      const top = [...logits].slice(0, topLogprobs).map(([id, logit]) => ({ token: id, logprob: logprobOf(logit) }));
      return { token, logprobs: { logprob: logprobOf(logits.get(token) ?? -Infinity), top } };
    },
  };
}

interface Candidate {
  readonly token: Token;
  readonly logit: number;
  readonly probability: number;
}

function withProbabilities(entries: readonly (readonly [Token, number])[], temperature: number): Candidate[] {
  const greatest = entries[0]?.[1] ?? 0;
  const weights = entries.map(([, logit]) => Math.exp((logit - greatest) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return entries.map(([token, logit], i) => ({ token, logit, probability: (weights[i] ?? 0) / total }));
}

/** The most probable ones that together have this mass; always at least one. */
function keepMass(candidates: readonly Candidate[], mass: number): Candidate[] {
  let sum = 0;
  const end = candidates.findIndex(({ probability }) => (sum += probability) >= mass);
  return candidates.slice(0, end === -1 ? candidates.length : end + 1);
}

function draw(candidates: readonly Candidate[], at: number): Token | undefined {
  let sum = 0;
  for (const { token, probability } of candidates) {
    sum += probability;
    if (at < sum) return token;
  }
  return candidates.at(-1)?.token;
}

function countOf(tokens: readonly Token[]): Map<Token, number> {
  const counts = new Map<Token, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

/** Numbers from 0 to below 1; the same seed gives the same ones (mulberry32, Tommy Ettinger, public domain). */
function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
