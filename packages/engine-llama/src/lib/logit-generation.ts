// Owns generating with logprobs or a grammar: each step asks for raw logits and samples from them itself.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { EvaluationPriority, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { followerLogprobs, withFollowers } from "./followers.ts";
import type { GrammarRun } from "./grammar-run.ts";
import { createLogitSampler, logprobsOf, type SampledVocabulary } from "./logit-sampler.ts";
import { tokenSeed } from "./token-seed.ts";

export interface LogitGenerationOptions {
  readonly sequence: LlamaContextSequence;
  /** The prompt's last tokens, still to be computed. */
  readonly tokens: readonly LlamaToken[];
  /** The logprobs of these are wanted, each of which stands in the prompt after one of `tokens`, of which the last one has none. */
  readonly followers?: readonly Token[] | undefined;
  readonly sampling: SlotSampling;
  readonly recent: () => readonly Token[];
  readonly banned: (token: Token) => boolean;
  readonly grammar: GrammarRun | undefined;
  readonly vocabulary?: SampledVocabulary;
  /** Asked at each token: what to take instead of sampling. */
  readonly forced: () => Token | undefined;
  readonly evaluation: {
    readonly evaluationPriority: EvaluationPriority;
    readonly contextShift: { readonly strategy: () => never };
  };
  /** The library makes a sampler for each evaluation; called when it is done with it. */
  readonly onEvaluated: () => void;
}

export interface SampledFromLogits {
  readonly token: LlamaToken;
  /** Where they were asked for. */
  readonly logprobs?: TokenLogprobs;
  /** With the first token, where they were asked for. */
  readonly followers?: readonly TokenLogprobs[];
}

/**
 * Ends when nothing is left to sample. The token yielded last is fed with the next `next()`, as `evaluate` does it.
 * @throws AmbiguityError after a good pass, when the grammar can be read in too many ways
 */
export async function* generateFromLogits(
  options: LogitGenerationOptions,
): AsyncGenerator<SampledFromLogits, void, void> {
  const { sequence, evaluation, grammar, onEvaluated } = options;
  const { sampling } = options;
  const sampler = createLogitSampler({ ...options, history: options.recent });
  const count = sampling.topLogprobs ?? 0;
  const neutral = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  const generateNext = () => {
    const { tokens, top, total } = sampler.request();
    const logits = top === "all" || { filter: { tokens: tokens as LlamaToken[], includeTop: top } };
    return { logits, totalLogitWeight: total, options: neutral };
  };
  let followers = options.followers;
  let input = withFollowers(options.tokens.slice(0, -1), followers ?? [], count);
  let last = options.tokens.at(-1);
  while (last !== undefined) {
    const outputs = await sequence.controlledEvaluate([...input, [last, { generateNext: generateNext() }]], evaluation);
    onEvaluated();
    const next = outputs[input.length]?.next;
    if (next?.logits === undefined) throw new Error("The library gave no logits");
    const place = { logits: next.logits, totalWeight: next.totalLogitWeight };
    const forced = options.forced();
    const seed = tokenSeed(sampling.seed, sequence.nextTokenIndex);
    const token = (forced ?? sampler.sample(place, seed)) as LlamaToken | undefined;
    if (token === undefined) return;
    grammar?.accept(token);
    const hasLogprobs = forced === undefined && sampling.topLogprobs !== undefined;
    yield {
      token,
      ...(hasLogprobs ? { logprobs: logprobsOf(place, token, count) } : {}),
      ...(followers === undefined ? {} : { followers: followerLogprobs(outputs, followers, count) }),
    };
    followers = undefined;
    [input, last] = [[], token];
  }
}
