// Owns generating with logprobs: each step asks for raw logits and samples from them itself.
import type { SlotSampling, Token, TokenLogprobs } from "@waggle/engine";
import type { EvaluationPriority, LlamaContextSequence, Token as LlamaToken } from "node-llama-cpp";
import { createLogitSampler } from "./logit-sampler.ts";

export interface LogprobGenerationOptions {
  readonly sequence: LlamaContextSequence;
  /** The prompt's last tokens, still to be computed. */
  readonly tokens: readonly LlamaToken[];
  readonly sampling: SlotSampling;
  readonly recent: () => readonly Token[];
  readonly banned: (token: Token) => boolean;
  readonly evaluation: {
    readonly evaluationPriority: EvaluationPriority;
    readonly contextShift: { readonly strategy: () => never };
  };
  /** The library makes a sampler for each evaluation; called when it is done with it. */
  readonly onEvaluated: () => void;
}

export interface SampledWithLogprobs {
  readonly token: LlamaToken;
  readonly logprobs: TokenLogprobs;
}

/** Ends when nothing is left to sample. The token yielded last is fed with the next `next()`, as `evaluate` does it. */
export async function* generateWithLogprobs(
  options: LogprobGenerationOptions,
): AsyncGenerator<SampledWithLogprobs, void, void> {
  const { sequence, evaluation, onEvaluated } = options;
  const sampler = createLogitSampler(options);
  const logits = sampler.needed === undefined ? true : { filter: { tokens: [], includeTop: sampler.needed } };
  const generateNext = { logits, totalLogitWeight: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
  let [input, last] = [options.tokens.slice(0, -1), options.tokens.at(-1)];
  while (last !== undefined) {
    const outputs = await sequence.controlledEvaluate([...input, [last, { generateNext }]], evaluation);
    onEvaluated();
    const next = outputs[input.length]?.next;
    if (next?.logits === undefined || next.totalLogitWeight === undefined)
      throw new Error("The library gave no logits");
    const sampled = sampler.sample(next.logits, next.totalLogitWeight);
    if (sampled === undefined) return;
    const token = sampled.token as LlamaToken;
    yield { token, logprobs: sampled.logprobs };
    [input, last] = [[], token];
  }
}
