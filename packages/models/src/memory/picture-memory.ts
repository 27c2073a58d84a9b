// Estimates the memory with which a model reads pictures: the projector's weights, the buffers of its encoder, and the embeddings that are kept.
import type { ProjectorCard } from "../header/index.ts";

export interface PictureMemorySettings {
  readonly projector: ProjectorCard;
  /** Maximum number of pixels of a picture; a larger one is scaled down. */
  readonly maxPixels: number;
}

/** In bytes. */
export interface PictureMemory {
  readonly weights: number;
  /** Buffers for the largest picture, or for the largest part of a picture that is encoded at once. */
  readonly encoder: number;
  /** Maximum number of embeddings that are kept. */
  readonly embeddings: number;
  readonly total: number;
}

const floatBytes = 4;
const halfBytes = 2;
/** Numbers per patch that live at once, as multiples of the encoder's width: the residual, its norm, queries, keys and values with their rotated copies. */
const widths = 8;
/** The layer's wide part before and after the gate. */
const wideParts = 2;
/** A picture that is computed, and the next one. */
const keptPictures = 2;
/** Enough for several small pictures, which later turns of their conversations need again. */
const leastKeptBytes = 64 * 2 ** 20;

/** Encoders with a fixed input size, and their largest number of tiles for a picture. Other encoders take a picture as it is. */
const fixedSizes: ReadonlyMap<string, number> = new Map([
  ["mlp", 5],
  ["mlp_norm", 5],
  ["ldp", 1],
  ["ldpv2", 1],
  ["adapter", 1],
  ["gemma3", 1],
  ["gemma3nv", 1],
  ["janus_pro", 1],
  ["cogvlm", 1],
  ["resampler", 10],
  ["internvl", 13],
  ["idefics3", 17],
  ["llama4", 17],
]);

/** Pixels that a chunk of a picture holds until it is encoded: those of its cells, to which a small picture may have been scaled up. */
export function chunkPixels({ type, imageSize, patchSize, mergedPatches = 1 }: ProjectorCard, cells: number): number {
  return Math.max(cells * (mergedPatches * patchSize) ** 2, fixedSizes.has(type) ? imageSize ** 2 : 0);
}

/** An estimate for flash attention, which all of llama.cpp's encoders use where the device supports it. */
export function pictureMemory({ projector, maxPixels }: PictureMemorySettings): PictureMemory {
  const {
    type,
    fileBytes,
    imageSize,
    patchSize,
    mostPixels = Infinity,
    width,
    feedForwardLength,
    hasWindows,
  } = projector;
  const pieces = fixedSizes.get(type);
  const pixels = pieces === undefined ? Math.min(maxPixels, mostPixels) : imageSize ** 2;
  const patches = Math.ceil(pixels / Math.max(1, patchSize) ** 2);
  // The mask of windows has a number for each pair of patches, once in single and once in half precision.
  const mask = hasWindows ? patches ** 2 * (floatBytes + halfBytes) : 0;
  const encoder = patches * (widths * width + wideParts * feedForwardLength) * floatBytes + mask;
  const cells = Math.ceil(patches / (projector.mergedPatches ?? 1) ** 2) * (pieces ?? 1);
  const embeddings = Math.max(leastKeptBytes, keptPictures * cells * (projector.embeddingSize ?? 0) * floatBytes);
  return { weights: fileBytes, encoder, embeddings, total: fileBytes + encoder + embeddings };
}
