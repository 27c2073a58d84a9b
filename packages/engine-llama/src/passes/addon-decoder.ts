// Decodes batches with Waggle's addon: one call on a thread of libuv's pool decodes and samples. Logits are read on the calling thread.
import type { Token } from "@waggle/engine";
import type { AttentionShape } from "@waggle/models/memory";
import { hasDry } from "../sampling/dry.ts";
import type { Versioned } from "./addon.ts";
import type { BatchDecoder, Sampler } from "./batch-decoder.ts";
import type { Library } from "./library-context.ts";

/** What `native/addon.cc` exports. */
export interface Addon extends Versioned {
  /** @param context the library's `AddonContext` */
  readonly Decoder: new (context: object) => AddonDecoder;
  /**
   * From now on, llama.cpp's buffers in host memory are only reserved. Ends with `stopReserving`, or when a Decoder is made, which then knows the caches in
   * them.
   * @param valuesLie whether the context is without flash attention: the values of a channel are then next to each other
   */
  startReserving(valuesLie: boolean): void;
  stopReserving(): void;
  /**
   * Milliseconds of the attention of some layers on the CPU, the least of the repetitions.
   * @param model the library's `AddonModel`
   */
  measureAttention(model: object, options: AttentionOptions): Promise<number>;
  /** Gives all sequences of a new `AddonContext` one cache of this many cells. */
  unify(context: object, cells: number): void;
  /** Makes the libraries of llama.cpp visible to other addons. @param model the library's `AddonModel` */
  shareLibraries(model: object): void;
  /** @param model the library's `AddonModel` */
  readonly Sampler: new (model: object) => Sampler;
}

/** All are whole numbers. The types are those of ggml, and `flash` is 0 or 1. */
export interface AttentionOptions extends AttentionShape {
  readonly typeK: number;
  readonly typeV: number;
  /** Tokens that the cache of a layer holds, and how many of them are computed. */
  readonly cells: number;
  readonly tokens: number;
  readonly flash: number;
  readonly threads: number;
  readonly repetitions: number;
}

/** The parameters and results are those of `BatchDecoder`. */
interface AddonDecoder {
  decode(
    tokens: Int32Array,
    sequences: Int32Array,
    positions: Int32Array,
    outputs: Int32Array,
    drawAt: Int32Array,
    samplers: readonly Sampler[],
    seeds: Uint32Array,
    topCounts: Uint32Array,
  ): Promise<Float64Array>;
  /**
   * @returns the sum of exp(logit - greatest), NaN without `total`; the number of most probable tokens, at least 1 with `total`, and token and logit
   *   of each; then the logits of `tokens`
   */
  getLogits(at: number, top: number, tokens: Uint32Array, total: boolean): Float64Array;
  decodeEmbeddings(sequence: number, embeddings: Float32Array, positions: Int32Array, causal: boolean): Promise<void>;
  copySequence(from: number, to: number, keep: number): Promise<void>;
  release(sequence: number, from: number): void;
}

export interface AddonDecoderOptions {
  readonly addon: Addon;
  readonly library: Library;
  readonly vocabularySize: number;
}

export function createAddonDecoder({ addon, library, vocabularySize }: AddonDecoderOptions): BatchDecoder {
  const decoder = new addon.Decoder(library.context);
  return {
    decode: ({ tokens, sequences, positions, outputs }, { at, samplers, seeds, topCounts }) =>
      decoder.decode(tokens, sequences, positions, outputs, at, samplers, seeds, topCounts),
    logits(position, { tokens, top, total }) {
      const count = top === "all" ? vocabularySize : top;
      const numbers = decoder.getLogits(position, count, Uint32Array.from(tokens), total);
      const [sum = NaN, found = 0] = numbers;
      const logits = new Map<Token, number>();
      let at = 2;
      for (let i = 0; i < found; i++, at += 2) logits.set(numbers[at] ?? -1, numbers[at + 1] ?? NaN);
      for (const token of tokens) logits.set(token, numbers[at++] ?? NaN);
      return total ? { logits, totalWeight: sum } : { logits };
    },
    createSampler: () => new addon.Sampler(library.model),
    canSample: (sampling) => !hasDry(sampling),
    takesDrafts: true,
    decodeEmbeddings: async (sequence, embeddings, positions, causal) =>
      await decoder.decodeEmbeddings(sequence, embeddings, positions, causal),
    cells: {
      copy: async (from, to, keep) => await decoder.copySequence(from, to, keep),
      release: (sequence, from) => decoder.release(sequence, from),
    },
  };
}
