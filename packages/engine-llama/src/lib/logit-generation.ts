// Owns generating with logprobs or a grammar: each step asks for raw logits and samples from them itself.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { EvaluationPriority, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { followerLogprobs, withFollowers } from "./followers.ts";
import type { GrammarRun } from "./grammar-run.ts";
import { createLogitSampler, type SampledVocabulary } from "./logit-sampler.ts";

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
  const sampler = createLogitSampler(options);
  const withLogprobs = options.sampling.topLogprobs !== undefined;
  const neutral = { temperature: 1, topK: 0, topP: 1, minP: 0 };
  const neededLogits = () => {
    if (sampler.needed === undefined) return true;
    // Beside the most probable tokens some that the grammar allows: what is probable may be refused.
    const tokens = (grammar?.candidates() ?? []) as LlamaToken[];
    return { filter: { tokens, includeTop: sampler.needed } };
  };
  const generateNext = () => ({ logits: neededLogits(), totalLogitWeight: withLogprobs, options: neutral });
  const count = options.sampling.topLogprobs ?? 0;
  let followers = options.followers;
  let input = withFollowers(options.tokens.slice(0, -1), followers ?? [], count);
  let last = options.tokens.at(-1);
  while (last !== undefined) {
    const outputs = await sequence.controlledEvaluate([...input, [last, { generateNext: generateNext() }]], evaluation);
    onEvaluated();
    const next = outputs[input.length]?.next;
    if (next?.logits === undefined) throw new Error("The library gave no logits");
    const forced = options.forced();
    const sampled = forced === undefined ? sampler.sample(next.logits, next.totalLogitWeight ?? 1) : { token: forced };
    if (sampled === undefined) return;
    const token = sampled.token as LlamaToken;
    grammar?.accept(token);
    yield {
      token,
      ...("logprobs" in sampled && withLogprobs ? { logprobs: sampled.logprobs } : {}),
      ...(followers === undefined ? {} : { followers: followerLogprobs(outputs, followers, count) }),
    };
    followers = undefined;
    [input, last] = [[], token];
  }
}
