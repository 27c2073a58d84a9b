// Calculates the memory that lasts between passes: the KV cache and the recurrent states.
import { bytesOfWeights } from "../../header/index.ts";
import type { ModelShape } from "./layers.ts";
import type { LoadedSettings } from "../settings.ts";
import type { Split } from "./weights.ts";

const stateNumberBytes = 4;

/** KV cache of all slots. Layers with a sliding window keep all tokens, too, because the engine opens contexts with `swaFullCache`. */
export function cacheBytes(shape: ModelShape, settings: LoadedSettings): Split {
  const { poolCells, valueCells, cacheTypeK, cacheTypeV, flashAttention } = settings;
  if (shape.encoder) return { host: 0, gpu: 0 };
  // Without flash attention, values are stored by column, and every layer has as many columns as the widest.
  const widest = Math.max(0, ...shape.layers.map(({ attention }) => attention?.values ?? 0));
  return split(shape, settings, ({ attention }) => {
    if (attention === undefined || attention.shared) return 0;
    const values = shape.latent ? 0 : flashAttention ? attention.values : widest;
    return bytesOfWeights(cacheTypeK, attention.keys) * poolCells + bytesOfWeights(cacheTypeV, values) * valueCells;
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
