// Adds the tensors of a layer's attention to a graph, with and without a KV cache (`build_qkv`, `build_attn` and `build_attn_mha` of
// llama-graph.cpp).
import type { Tensor } from "./graph.ts";
import { hasWindows, type Attention } from "./layers.ts";
import { maskBytes, norm, type Pass } from "./pass.ts";

export interface AttentionInputs {
  readonly positions: Tensor;
  /** For layers that attend to all earlier tokens. */
  readonly full: CacheInputs;
  /** For layers with a sliding window. */
  readonly windowed: CacheInputs;
}

interface CacheInputs {
  readonly keyPlaces: Tensor;
  readonly valuePlaces: Tensor;
  readonly mask: Tensor;
}

export interface AttentionLayer {
  readonly attention: Attention;
  readonly layer: number;
}

/** Makes the inputs of both kinds of layers. An input takes no memory until a layer uses it. */
export function attentionInputs(pass: Pass): AttentionInputs {
  const { graph, tokens } = pass;
  return { positions: graph.input([tokens]), full: cacheInputs(pass), windowed: cacheInputs(pass) };
}

function cacheInputs(pass: Pass): CacheInputs {
  const { graph, shape, tokens, sequences, cells, flashAttention } = pass;
  const widest = Math.max(0, ...shape.layers.map(({ attention }) => attention?.values ?? 0));
  return {
    keyPlaces: graph.input([tokens], 8),
    // Without flash attention, the cache stores values by column, and each number has a separate index.
    valuePlaces: graph.input([flashAttention ? tokens : tokens * widest], 8),
    mask: graph.input([cells, tokens / sequences, 1, sequences], maskBytes(pass)),
  };
}

interface AttentionTensors {
  readonly query: Tensor;
  readonly key: Tensor | undefined;
  readonly value: Tensor | undefined;
}

export function cachedAttention(
  pass: Pass,
  source: Tensor,
  { attention, layer }: AttentionLayer,
  inputs: AttentionInputs,
): Tensor {
  const { graph, shape } = pass;
  const { keyPlaces, valuePlaces, mask } = attention.windowed ? inputs.windowed : inputs.full;
  const turn = (tensor: Tensor): Tensor => graph.inPlace(tensor, inputs.positions);
  const { query, key, value } = queryKeyValue(pass, source, { attention, layer }, turn);
  graph.expand(query);
  // llama.cpp expands values before keys, except in models with sliding windows.
  const [first, second] = hasWindows(shape) ? [key, value] : [value, key];
  for (const tensor of [first, second]) if (tensor !== undefined) graph.expand(tensor);
  if (key !== undefined) graph.expand(graph.store(graph.view(key), keyPlaces));
  if (value !== undefined && !shape.latent) graph.expand(graph.store(graph.view(value), valuePlaces));
  return attend(pass, { query, mask, keys: [] }, attention);
}

/** Attention without a KV cache: keys and values are results of the graph, too. Flash attention converts them to half floats. */
export function wholeTextAttention(pass: Pass, source: Tensor, at: AttentionLayer, turned: Tensor | undefined): Tensor {
  const { graph, tokens, flashAttention } = pass;
  const turn = (tensor: Tensor): Tensor => (turned === undefined ? tensor : graph.inPlace(tensor, turned));
  const { query, key, value } = queryKeyValue(pass, source, at, turn);
  const keys = [key, value].flatMap((tensor) => (tensor === undefined ? [] : [tensor]));
  for (const tensor of [query, ...keys]) graph.expand(tensor);
  const { attention } = at;
  const halves = [attention.keys, attention.values].map((length, index) => {
    const whole = graph.view(keys[index] ?? query);
    return flashAttention ? graph.compute([length, tokens], [whole], 2) : whole;
  });
  return attend(pass, { query, mask: wholeTextMask(pass, attention), keys: halves }, attention);
}

const masks = new WeakMap<Pass["graph"], Map<boolean, Tensor>>();

/** The layers with a sliding window share a mask; the other layers share another mask. */
function wholeTextMask(pass: Pass, { windowed }: Attention): Tensor {
  const { graph, tokens } = pass;
  const known = masks.get(graph) ?? new Map<boolean, Tensor>();
  masks.set(graph, known);
  const mask = known.get(windowed) ?? graph.input([tokens, tokens], maskBytes(pass));
  known.set(windowed, mask);
  return mask;
}

function queryKeyValue(
  pass: Pass,
  source: Tensor,
  { attention, layer }: AttentionLayer,
  turn: (tensor: Tensor) => Tensor,
): AttentionTensors {
  const { graph, shape, tokens } = pass;
  const { heads, keyLength, valueLength, keys, values } = attention;
  const prefix = `blk.${layer}.attn_`;
  const has = (name: string): boolean => shape.has(`${prefix}${name}`);
  const normed = (tensor: Tensor, name: string): Tensor =>
    has(`${name}.weight`) ? norm(pass, tensor, has(`${name}.bias`)) : tensor;
  const fused = has("qkv.weight") ? graph.compute([keyLength * heads + keys + values, tokens], [source]) : undefined;
  const part = (name: string, length: number, ofHead: number): Tensor => {
    if (fused !== undefined) return graph.view(fused);
    const made = graph.compute([length, tokens], [source]);
    const dimensions = [ofHead, length / Math.max(1, ofHead), tokens];
    return graph.view(has(`${name}.bias`) ? graph.inPlace(made) : made, dimensions);
  };
  const query = turn(normed(part("q", keyLength * heads, keyLength), "q_norm"));
  if (attention.shared) return { query, key: undefined, value: undefined };
  const key = turn(normed(part("k", keys, keyLength), "k_norm"));
  return { query, key, value: shape.latent ? undefined : part("v", values, valueLength) };
}

function attend(
  { graph, shape, tokens, sequences, cells, flashAttention }: Pass,
  { query, mask, keys }: { readonly query: Tensor; readonly mask: Tensor; readonly keys: readonly Tensor[] },
  { heads, valueLength }: Attention,
): Tensor {
  const length = valueLength * heads;
  const seen = shape.encoder ? tokens : cells;
  const streams = shape.encoder ? 1 : sequences;
  const turned = graph.view(graph.view(query));
  let result: Tensor;
  if (flashAttention) {
    const flat = graph.compute([valueLength, heads, tokens], [turned, ...keys, mask]);
    result = graph.view(flat, [length, tokens]);
  } else {
    const [key, value] = keys;
    const scores = graph.compute(
      [seen, tokens / streams, heads, streams],
      key === undefined ? [turned] : [key, turned],
    );
    const shares = graph.inPlace(scores, mask);
    const lying = value === undefined ? [] : [graph.compute([length, tokens], [value])];
    const mixed = graph.compute([valueLength, tokens / streams, heads, streams], [...lying, shares]);
    result = graph.compute([length, tokens], [graph.view(mixed)]);
  }
  graph.expand(result);
  return result;
}
