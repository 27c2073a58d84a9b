// Estimates the compute buffer of a pass: the bytes that llama.cpp reserves, and the part that is ever written.
import { createGraph, type Graph } from "./graph.ts";
import { layOut, touchedBytes } from "./graph-memory.ts";
import type { ModelShape } from "./layers.ts";
import { buildPass } from "./model-graph.ts";
import { mostScores, passTokensBehind, type LoadedSettings } from "../settings.ts";

/** All layers reuse the same memory, so a graph of the first few layers needs as much memory as the whole graph. */
const graphLayers = 8;

export interface ComputeBytes {
  readonly reserved: number;
  /** The part that is written while no request needs the logits of whole prompts. */
  readonly written: number;
  /** The part for inputs: it stays on the host if all layers are on a GPU. */
  readonly inputs: number;
}

export function computeBytes(shape: ModelShape, settings: LoadedSettings): ComputeBytes {
  const few = fewLayers(shape);
  const reserved = passOf(few, settings);
  // An embedding needs the output of every token; generation samples one token per slot.
  const outputs = settings.embeds ? settings.outputs : Math.min(settings.slots, settings.outputs);
  const largest = largestPasses({ ...settings, outputs }).map((pass) => passOf(few, pass));
  const memory = layOut(reserved);
  return {
    reserved: memory.bytes,
    written: touchedBytes(memory, ...largest),
    inputs: reserved.inputs.reduce((total, { bytes }) => total + bytes, shape.width * settings.tokens * 4),
  };
}

/** The passes that write most: where long contexts shorten them, the longest pass, and a slot's pass after all cells. */
function largestPasses(settings: LoadedSettings): readonly LoadedSettings[] {
  const { tokens, cells } = settings;
  if (!settings.shortensPasses || tokens <= passTokensBehind(cells)) return [settings];
  return [
    { ...settings, cells: Math.floor(mostScores / tokens) },
    { ...settings, slots: 1, tokens: passTokensBehind(cells) },
  ];
}

function passOf(shape: ModelShape, settings: LoadedSettings): Graph {
  const graph = createGraph();
  const { slots, tokens, outputs, cells, flashAttention, embeds } = settings;
  buildPass({ graph, shape, tokens, sequences: slots, outputs, cells, flashAttention, embeds });
  return graph;
}

function fewLayers(shape: ModelShape): ModelShape {
  return { ...shape, layers: shape.layers.slice(0, graphLayers) };
}
