// Owns the buffer in which a pass computes: how large llama.cpp reserves it, and how much of it is ever written to.
import { createGraph, type Graph } from "./graph.ts";
import { layOut, touchedBytes } from "./graph-memory.ts";
import type { ModelShape } from "./layers.ts";
import { buildPass } from "./model-graph.ts";
import type { LoadedSettings } from "../settings.ts";

/** Layers are alike, so a few of them show what all take; the last one is another. */
const layersLookedAt = 8;

export interface ComputeBytes {
  readonly reserved: number;
  /** Without requests for the logits of every token of a prompt. */
  readonly written: number;
  /** What of it comes from the host at each pass, where the rest is on a GPU. */
  readonly inputs: number;
}

export function computeBytes(shape: ModelShape, settings: LoadedSettings): ComputeBytes {
  const few = fewLayers(shape);
  const reserved = passOf(few, settings, settings.outputs);
  // A vector needs the output of every token; a model that generates samples one token for each slot.
  const smaller = passOf(
    few,
    settings,
    settings.embeds ? settings.outputs : Math.min(settings.slots, settings.outputs),
  );
  const memory = layOut(reserved);
  return {
    reserved: memory.bytes,
    written: touchedBytes(memory, smaller),
    inputs: reserved.inputs.reduce((total, { bytes }) => total + bytes, shape.width * settings.tokens * 4),
  };
}

function passOf(shape: ModelShape, settings: LoadedSettings, outputs: number): Graph {
  const graph = createGraph();
  const { slots, tokens, cells, flashAttention, embeds } = settings;
  buildPass({ graph, shape, tokens, sequences: slots, outputs, cells, flashAttention, embeds });
  return graph;
}

/** Their tensors keep their names, so what is asked of the last layer is asked of the last one that is looked at. */
function fewLayers(shape: ModelShape): ModelShape {
  return shape.layers.length <= layersLookedAt ? shape : { ...shape, layers: shape.layers.slice(0, layersLookedAt) };
}
