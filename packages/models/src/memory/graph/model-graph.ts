// Builds the graph of a whole pass, as llama.cpp's models/*.cpp do. The names of the tensors decide which parts a layer has. Decision 084.
import { attentionInputs, cachedAttention, wholeTextAttention } from "./attention-graph.ts";
import type { Tensor } from "./graph.ts";
import { embedTokens, feedForward, isLast, norm, pool, writeLogits, type Pass } from "./pass.ts";
import { recurrentInput, recurrentLayer } from "./recurrent-graph.ts";

export function buildPass(pass: Pass): void {
  if (pass.shape.encoder) encoder(pass);
  else decoder(pass);
}

function decoder(pass: Pass): void {
  const { graph, shape, outputs } = pass;
  const embedded = embedTokens(pass);
  const scalesInput = shape.architecture.startsWith("gemma");
  let residual = scalesInput ? graph.inPlace(embedded) : embedded;
  const inputs = attentionInputs(pass);
  const places = recurrentInput(pass);
  const wanted = graph.input([outputs]);

  shape.layers.forEach(({ attention, state }, layer) => {
    const prefix = `blk.${layer}.`;
    const has = (name: string): boolean => shape.has(`${prefix}${name}.weight`);
    const normed = has("attn_norm") ? norm(pass, residual, shape.has(`${prefix}attn_norm.bias`)) : residual;
    let mixed: Tensor | undefined;
    if (state > 0) mixed = recurrentLayer(pass, normed, places, state);
    if (attention !== undefined) {
      const attended = projected(pass, cachedAttention(pass, normed, { attention, layer }, inputs), layer);
      mixed = mixed === undefined ? attended : graph.inPlace(mixed, attended);
    }
    let [current, skipped] = [mixed ?? normed, residual];
    let parallel = normed;
    if (isLast(pass, layer)) {
      const rows = (tensor: Tensor): Tensor => graph.compute([shape.width, outputs], [tensor, wanted]);
      [current, skipped] = [rows(current), rows(skipped)];
      if (isParallel(has)) parallel = rows(normed);
    }
    if (has("post_attention_norm") && has("ffn_norm")) current = norm(pass, current);
    residual = withFeedForward(pass, { current, skipped, parallel, layer, has });
  });
  writeLogits(pass, residual);
}

interface AfterMixing {
  readonly current: Tensor;
  readonly skipped: Tensor;
  /** Input of the attention, which a parallel feed-forward part reads, too. */
  readonly parallel: Tensor;
  readonly layer: number;
  readonly has: (name: string) => boolean;
}

function withFeedForward(pass: Pass, { current, skipped, parallel, layer, has }: AfterMixing): Tensor {
  const { graph } = pass;
  const hasFeedForward = ["ffn_up", "ffn_up_exps", "ffn_gate_up_exps"].some(has);
  if (hasFeedForward && isParallel(has)) {
    return graph.inPlace(graph.inPlace(feedForward(pass, parallel, layer), current), skipped);
  }
  const sum = graph.inPlace(current, skipped);
  if (!hasFeedForward) return sum;
  // In some architectures, the norm before the feed-forward part is called `post_attention_norm`.
  const normed = has("ffn_norm") || has("post_attention_norm") ? norm(pass, sum) : sum;
  let out = feedForward(pass, normed, layer);
  if (has("ffn_up_shexp")) out = graph.inPlace(out, sharedExpert(pass, normed, layer));
  if (has("post_ffw_norm")) out = norm(pass, out);
  return graph.inPlace(out, sum);
}

/** Whether the feed-forward part reads the same input as the attention: it then has no norm. */
function isParallel(has: (name: string) => boolean): boolean {
  return !has("ffn_norm") && !has("post_attention_norm") && has("attn_norm");
}

/** The shared expert: every token uses it, in addition to its chosen experts. */
function sharedExpert(pass: Pass, source: Tensor, layer: number): Tensor {
  const { graph, shape } = pass;
  const rows = isLast(pass, layer) ? pass.outputs : pass.tokens;
  const inner = shape.rowsOf(`blk.${layer}.ffn_up_shexp.weight`) ?? 0;
  const [upper, gate] = [graph.compute([inner, rows], [source]), graph.compute([inner, rows], [source])];
  return graph.compute([shape.width, rows], [graph.compute([inner, rows], [gate, upper])]);
}

function projected({ graph, shape, tokens }: Pass, attended: Tensor, layer: number): Tensor {
  const out = graph.compute([shape.width, tokens], [attended]);
  return shape.has(`blk.${layer}.attn_output.bias`) ? graph.inPlace(out) : out;
}

function encoder(pass: Pass): void {
  const { graph, shape, tokens, outputs } = pass;
  const positions = graph.input([tokens]);
  let residual = embedTokens(pass);
  if (shape.has("token_types.weight")) residual = graph.inPlace(residual);
  const places = shape.has("position_embd.weight");
  if (places) residual = graph.inPlace(graph.compute([shape.width, tokens], [positions]), residual);
  residual = norm(pass, residual, shape.has("token_embd_norm.bias"));
  const wanted = graph.input([outputs]);

  shape.layers.forEach(({ attention }, layer) => {
    if (attention === undefined) return;
    const prefix = `blk.${layer}.`;
    const normsBefore = shape.has(`${prefix}attn_norm.weight`);
    const source = normsBefore ? norm(pass, residual) : residual;
    const attended = wholeTextAttention(pass, source, { attention, layer }, places ? undefined : positions);
    let current = projected(pass, attended, layer);
    if (isLast(pass, layer)) {
      const rows = (tensor: Tensor): Tensor => graph.compute([shape.width, outputs], [tensor, wanted]);
      [current, residual] = [rows(current), rows(residual)];
    }
    const after = (tensor: Tensor, name: string): Tensor =>
      shape.has(`${prefix}${name}.weight`) ? norm(pass, tensor, shape.has(`${prefix}${name}.bias`)) : tensor;
    const sum = after(graph.inPlace(current, residual), "attn_output_norm");
    const out = feedForward(pass, after(sum, "ffn_norm"), layer);
    residual = after(graph.inPlace(out, sum), "layer_output_norm");
  });
  residual.output = true;
  graph.expand(residual);
  pool(pass, residual);
}
