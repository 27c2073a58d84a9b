// Reads a model's shape from the metadata. Values that may differ between layers are arrays with a number for each layer.
import type { GgufHeader } from "./read-header.ts";

export interface Hyperparameters {
  /** Context length in training, in tokens. */
  readonly contextLength: number | undefined;
  readonly embeddingLength: number | undefined;
  readonly layers: number;
  readonly feedForwardLengths: readonly number[];
  readonly headCounts: readonly number[];
  readonly kvHeadCounts: readonly number[];
  /** Numbers in the key of an attention head; layers with a sliding window may have other lengths. */
  readonly keyLength: number | undefined;
  readonly valueLength: number | undefined;
  readonly windowKeyLength: number | undefined;
  readonly windowValueLength: number | undefined;
  /** Size of the sliding window, in tokens. */
  readonly slidingWindow: number | undefined;
  /** Which layers have a sliding window: a flag for each layer, or N for a repeating group of N layers. */
  readonly windowPattern: number | readonly boolean[] | undefined;
  /** Number of layers, at the end, that read the KV cache of an earlier layer. */
  readonly sharedKvLayers: number;
  /** Number of layers, at the end, for multi-token prediction. */
  readonly predictionLayers: number;
  readonly experts: number;
  readonly expertsUsed: number;
  readonly expertFeedForwardLength: number | undefined;
  readonly recurrent: RecurrentShape | undefined;
  /** Length of the short convolution (LFM2), in tokens. */
  readonly shortConvolution: number | undefined;
  /** N if only every Nth layer has attention, as in qwen3next. */
  readonly attentionInterval: number | undefined;
  readonly vocabularySize: number;
}

/** Shape of a state-space layer, as in mamba. */
interface RecurrentShape {
  readonly convolutionKernel: number;
  readonly innerSize: number;
  readonly stateSize: number;
  readonly groups: number;
}

/** Real models have at most a few hundred. */
const maxLayers = 4_096;

/** Does not throw: missing values become 0 or undefined. */
export function hyperparametersOf({ architecture, metadata, tensors }: Omit<GgufHeader, "name">): Hyperparameters {
  const number = (key: string): number | undefined => metadata.number(`${architecture}.${key}`);
  const layers = Math.min(maxLayers, number("block_count") ?? 0);
  const perLayer = (key: string, other: readonly number[]): readonly number[] => {
    const given = metadata.numbers(`${architecture}.${key}`);
    if (given === undefined) return other;
    const last = given.at(-1) ?? 0;
    // A single number applies to all layers.
    return Array.from({ length: layers }, (_, layer) => given[given.length === 1 ? 0 : layer] ?? last);
  };
  const none = Array.from({ length: layers }, () => 0);
  const headCounts = perLayer("attention.head_count", none);
  const embedding = tensors.find(({ name }) => name === "token_embd.weight")?.shape[1];
  return {
    contextLength: number("context_length"),
    embeddingLength: number("embedding_length"),
    layers,
    feedForwardLengths: perLayer("feed_forward_length", none),
    headCounts,
    kvHeadCounts: perLayer("attention.head_count_kv", headCounts),
    keyLength: number("attention.key_length"),
    valueLength: number("attention.value_length"),
    windowKeyLength: number("attention.key_length_swa"),
    windowValueLength: number("attention.value_length_swa"),
    slidingWindow: number("attention.sliding_window"),
    windowPattern:
      metadata.booleans(`${architecture}.attention.sliding_window_pattern`) ??
      number("attention.sliding_window_pattern"),
    sharedKvLayers: number("attention.shared_kv_layers") ?? 0,
    predictionLayers: number("nextn_predict_layers") ?? 0,
    experts: number("expert_count") ?? 0,
    expertsUsed: number("expert_used_count") ?? 0,
    expertFeedForwardLength: number("expert_feed_forward_length"),
    recurrent: recurrentOf(number),
    shortConvolution: number("shortconv.l_cache"),
    attentionInterval: number("full_attention_interval"),
    vocabularySize: metadata.arrayLength("tokenizer.ggml.tokens") ?? number("vocab_size") ?? embedding ?? 0,
  };
}

function recurrentOf(number: (key: string) => number | undefined): RecurrentShape | undefined {
  const innerSize = number("ssm.inner_size");
  const stateSize = number("ssm.state_size");
  if (innerSize === undefined || stateSize === undefined) return undefined;
  return {
    convolutionKernel: number("ssm.conv_kernel") ?? 0,
    innerSize,
    stateSize,
    groups: number("ssm.group_count") ?? 0,
  };
}
