// Owns the interface between passes and the binding that computes them: decodes a batch, and samples from it.
import type { LogitsRequest, PositionLogits } from "../sampling/logit-sampler.ts";
import { withoutEffect, type SamplerConfig, type SamplingNumbers } from "../sampling/sampling-numbers.ts";

/** Tokens to decode, sequences in any order. The tokens of a sequence are next to each other, at consecutive positions. */
export interface Batch {
  /** Tokens of all rows. */
  readonly tokens: Int32Array;
  /** For each token, its sequence (slot) and its position there. */
  readonly sequences: Int32Array;
  readonly positions: Int32Array;
  /** Indexes into `tokens` whose logits are computed, ascending. */
  readonly outputs: Int32Array;
}

/**
 * The tokens to sample. All lists have the same length. Where the decoder takes drafts, a sampler may draw several times, at consecutive tokens of
 * its sequence: each draw but the first samples only if the draw before it sampled the token that the batch has at its place, else no token.
 */
export interface Draws {
  /** Indexes into the batch's tokens, each in `outputs`. */
  readonly at: Int32Array;
  readonly samplers: readonly Sampler[];
  readonly seeds: Uint32Array;
  /** For each draw: 0 without logprobs, else 1 + the number of alternatives. */
  readonly topCounts: Uint32Array;
}

/** A chain of llama.cpp's samplers. */
export interface Sampler {
  /** Replaces the settings. Not called while a step that uses the sampler runs. */
  configure(config: SamplerConfig): void;
  /** Sets the tokens that the penalties count, oldest first. The sampler adds the tokens that it samples. */
  setRecent(tokens: Uint32Array): void;
}

/** Settings of a sampler that changes no logits and selects the most probable token. */
export const greedy: SamplerConfig = { ...withoutEffect, temperature: 0 };

/** Count of the numbers in front of a draw's alternatives: token, its logit, greatest logit, sum of exp(logit - greatest) over the vocabulary. */
export const logprobNumbers = 4;

export interface BatchDecoder {
  /**
   * Decodes and samples in one call on another thread.
   * @returns for each draw its token, or -1 if no token was sampled. With logprobs, more numbers follow: the token's logit, the greatest logit, the sum
   *   of exp(logit - greatest) over the vocabulary, and token and logit of each alternative, most probable first.
   */
  decode(batch: Batch, draws: Draws): Promise<Float64Array>;
  /** Reads raw logits at a token of the last batch, by its index. */
  logits(at: number, request: LogitsRequest): PositionLogits | Promise<PositionLogits>;
  createSampler(): Sampler;
  /** Whether its samplers have the effects of all these settings. */
  canSample(sampling: SamplingNumbers): boolean;
  /** Whether a sampler may draw several times in a batch. */
  readonly takesDrafts: boolean;
  /** Absent on the library's own binding. */
  readonly cells?: SequenceCells;
  /**
   * Decodes embeddings of a picture, without logits. Absent on the library's own binding.
   * @param embeddings of all cells, one after the other
   * @param positions of all cells in the order of llama_batch: one number for each, or with M-RoPE four
   * @param causal whether a cell sees only the cells before it
   */
  decodeEmbeddings?(sequence: number, embeddings: Float32Array, positions: Int32Array, causal: boolean): Promise<void>;
}

/** What can be done with the cells of sequences between two passes. */
export interface SequenceCells {
  /** Replaces the cells of a sequence by copies of another sequence's first `keep` cells. */
  copy(from: number, to: number, keep: number): Promise<void>;
  /** Gives the memory of a sequence's cells from index `from` on back to the system. Does nothing where their memory cannot be given back. */
  release(sequence: number, from: number): void;
}
