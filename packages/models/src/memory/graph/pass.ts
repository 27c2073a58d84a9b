// Owns the size of a pass, and the parts of its graph that are not attention or recurrence.
import type { Graph, Tensor } from "./graph.ts";
import type { ModelShape } from "./layers.ts";
import type { LoadedSettings } from "../settings.ts";

export interface Pass extends Pick<LoadedSettings, "cells" | "tokens" | "outputs" | "flashAttention" | "embeds"> {
  readonly graph: Graph;
  readonly shape: ModelShape;
  readonly sequences: number;
}

/** Bytes of each number of the mask: flash attention takes half floats. */
export function maskBytes({ flashAttention }: Pass): number {
  return flashAttention ? 2 : 4;
}

export function norm({ graph }: Pass, source: Tensor, withBias = false): Tensor {
  const scaled = graph.inPlace(graph.inPlace(source));
  return withBias ? graph.inPlace(scaled) : scaled;
}

/** Looks up the tokens' embeddings. llama.cpp also reserves an input for other embeddings, such as embeddings of pictures. */
export function embedTokens({ graph, shape, tokens }: Pass): Tensor {
  const embedded = graph.compute([shape.width, tokens], [graph.input([tokens])]);
  graph.expand(embedded);
  graph.expand(graph.input([shape.width, tokens]));
  return embedded;
}

export function feedForward(pass: Pass, source: Tensor, layer: number): Tensor {
  const { graph, shape, outputs } = pass;
  const prefix = `blk.${layer}.`;
  const has = (name: string): boolean => shape.has(`${prefix}${name}`);
  const rows = isLast(pass, layer) ? outputs : pass.tokens;
  if (has("ffn_up_exps.weight") || has("ffn_gate_up_exps.weight")) return experts(pass, source, { layer, rows });
  const up = shape.rowsOf(`${prefix}ffn_up.weight`) ?? 0;
  const inner = shape.layers[layer]?.feedForward ?? up;
  const biased = (tensor: Tensor, bias: string): Tensor => (has(bias) ? graph.inPlace(tensor) : tensor);
  const upper = biased(graph.compute([up, rows], [source]), "ffn_up.bias");
  const down = (hidden: Tensor): Tensor => biased(graph.compute([shape.width, rows], [hidden]), "ffn_down.bias");
  if (has("ffn_gate.weight")) {
    const gate = biased(graph.compute([up, rows], [source]), "ffn_gate.bias");
    return down(graph.compute([up, rows], [gate, upper]));
  }
  // The gate may be the second half of the same matrix.
  return down(up === 2 * inner ? graph.compute([inner, rows], [upper]) : graph.inPlace(upper));
}

/** A mixture of experts: feed-forward parts of which each token uses a few. */
function experts(
  pass: Pass,
  source: Tensor,
  { layer, rows }: { readonly layer: number; readonly rows: number },
): Tensor {
  const { graph, shape } = pass;
  const { experts: all, expertsUsed: used, expertFeedForwardLength } = shape.numbers;
  const inner = expertFeedForwardLength ?? shape.layers[layer]?.feedForward ?? 0;
  const scores = graph.inPlace(graph.compute([all, rows], [source]));
  const chosen = graph.view(graph.compute([all, rows], [scores]));
  const weights = graph.compute([1, used, rows], [graph.view(scores, [1, all, rows]), chosen]);
  graph.expand(weights);
  const each = graph.view(source, [shape.width, 1, rows]);
  const upper = graph.compute([inner, used, rows], [each, chosen]);
  const gate = graph.compute([inner, used, rows], [each, chosen]);
  const hidden = graph.compute([inner, used, rows], [gate, upper]);
  const down = graph.inPlace(graph.compute([shape.width, used, rows], [hidden, chosen]), weights);
  graph.expand(down);
  let sum: Tensor = graph.view(down);
  for (let index = 1; index < used; index++) {
    const part = graph.view(down);
    sum = index === 1 ? graph.compute([shape.width, rows], [sum, part]) : graph.inPlace(sum, part);
  }
  return used > 1 ? sum : graph.compute([shape.width, rows], [sum]);
}

export function isLast({ shape }: Pass, layer: number): boolean {
  return layer === shape.layers.length - 1;
}

/** Computes logits of the whole vocabulary for each token that needs an output. */
export function writeLogits(pass: Pass, source: Tensor): void {
  const { graph, shape, outputs } = pass;
  const normed = norm(pass, source);
  normed.output = true;
  const logits = graph.compute([shape.vocabulary, outputs], [normed]);
  logits.output = true;
  graph.expand(logits);
  if (pass.embeds) pool(pass, normed);
}

/** `build_pooling` of llama-graph.cpp. */
export function pool({ graph, shape, tokens, sequences }: Pass, source: Tensor): void {
  const { width, poolingType } = shape;
  const [mean, none] = [1, 0];
  if (poolingType === none) return;
  const pooled =
    poolingType === mean
      ? graph.compute(
          [width, sequences],
          [graph.compute([tokens, width], [graph.view(source)]), graph.input([tokens, sequences])],
        )
      : graph.compute([width, sequences], [source, graph.input([sequences])]);
  pooled.output = true;
  graph.expand(pooled);
}
