// Owns what is kept of every token between passes, or of every sequence: keys and values, and recurrent states.
import { bytesOfWeights } from "../../header/index.ts";
import type { ModelShape } from "./layers.ts";
import type { LoadedSettings } from "../settings.ts";
import type { Split } from "./weights.ts";

const stateNumberBytes = 4;

/** Of all slots. Layers with a window keep everything as well: the engine opens contexts so, and llama.cpp would else compute kept prefixes again. */
export function cacheBytes(shape: ModelShape, settings: LoadedSettings): Split {
  const { slots, cells, cacheTypeK, cacheTypeV, flashAttention } = settings;
  if (shape.encoder) return { host: 0, gpu: 0 };
  // Without the fused attention values lie by column, in columns as long as the longest.
  const widest = Math.max(0, ...shape.layers.map(({ attention }) => attention?.values ?? 0));
  return split(shape, settings, ({ attention }) => {
    if (attention === undefined || attention.shared) return 0;
    const values = shape.latent ? 0 : flashAttention ? attention.values : widest;
    const token = bytesOfWeights(cacheTypeK, attention.keys) + bytesOfWeights(cacheTypeV, values);
    return token * cells * slots;
  });
}

export function stateBytes(shape: ModelShape, settings: LoadedSettings): Split {
  return split(shape, settings, ({ state }) => state * stateNumberBytes * settings.slots);
}

/** A layer's cache is where its weights are. */
function split(
  { layers }: ModelShape,
  { gpuLayers }: LoadedSettings,
  bytesOf: (layer: ModelShape["layers"][number]) => number,
): Split {
  const firstGpuLayer = Math.max(0, layers.length + 1 - gpuLayers);
  let [host, gpu] = [0, 0];
  layers.forEach((layer, index) => {
    if (gpuLayers > 0 && index >= firstGpuLayer) gpu += bytesOf(layer);
    else host += bytesOf(layer);
  });
  return { host, gpu };
}
