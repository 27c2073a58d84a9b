// Asks the library's public interface what a model computes. The proof at load and tests compare decoders with these answers.
import type { Token } from "@waggle/engine";
import type { LlamaContextSequence, SequenceEvaluateOptions, Token as LlamaToken } from "node-llama-cpp";

/** Selects the most probable token, and changes no logits. */
const greedy = { temperature: 0, topK: 0, topP: 1, minP: 0 };

export interface PublicAnswer {
  /** Undefined if no token was left to sample. */
  readonly token: Token | undefined;
  /** Logits of the whole vocabulary that the sampler has left, most probable token first. By default they are the raw logits. */
  readonly logits: ReadonlyMap<Token, number>;
}

/** Feeds the sequence, and samples the next token. @param options settings of the sampler; by default it selects the most probable token */
export async function askPublicly(
  sequence: LlamaContextSequence,
  tokens: readonly Token[],
  options: SequenceEvaluateOptions = greedy,
): Promise<PublicAnswer> {
  const [last, ...before] = tokens.toReversed() as LlamaToken[];
  if (last === undefined) throw new Error("There are no tokens to compute");
  const generateNext = { token: true, logits: true, options };
  const outputs = await sequence.controlledEvaluate([...before.reverse(), [last, { generateNext }]]);
  const { token, logits } = outputs.at(-1)?.next ?? {};
  if (logits === undefined) throw new Error("The library returned no logits");
  return { token: token ?? undefined, logits };
}
