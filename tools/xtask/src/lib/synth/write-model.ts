// Owns the making of a model's file, piece by piece: memory is bounded by one piece, and a file that has its name is whole.
import { mkdir, open, rename, rm, type FileHandle } from "node:fs/promises";
import { dirname } from "node:path";
import { aligned, ggufHeader } from "./gguf-writer.ts";
import { planMetadata, planTensors, type PlannedTensor, type Quantization } from "./model-plan.ts";
import { q8Block, quantizeQ8, toHalf } from "./numbers.ts";
import { createRandomWeights, type RandomWeights } from "./random-weights.ts";
import type { ModelShape } from "./shapes.ts";
import { makeVocabulary } from "./vocabulary.ts";

export interface WriteModelOptions {
  readonly shape: ModelShape;
  readonly quantization: Quantization;
  readonly path: string;
  readonly seed: number;
  /** Bytes of the file that stand, and that it will have. */
  readonly onProgress: (doneBytes: number, totalBytes: number) => void;
  readonly signal: AbortSignal;
}

/** A multiple of a block's weights. */
const pieceWeights = 1 << 20;

/** @throws Error naming the path when it cannot be written; the signal's reason. Nothing is left of an unfinished file. */
export async function writeModel(options: WriteModelOptions): Promise<{ readonly bytes: number }> {
  const { shape, quantization, path, onProgress, signal } = options;
  const unfinished = `${path}.part`;
  const tensors = planTensors(shape, quantization);
  const header = ggufHeader(planMetadata(shape, quantization, makeVocabulary(shape.vocabulary)), tensors);
  const bytes = tensors.reduce((sum, tensor) => sum + aligned(tensor.bytes), header.length);
  try {
    await mkdir(dirname(path), { recursive: true });
    const file = await open(unfinished, "w");
    try {
      let done = 0;
      const write = async (piece: Buffer): Promise<void> => {
        signal.throwIfAborted();
        await writeAll(file, piece);
        done += piece.length;
        onProgress(done, bytes);
      };
      await write(header);
      const random = createRandomWeights(options.seed);
      for (const tensor of tensors) for (const piece of tensorPieces(tensor, random)) await write(piece);
    } finally {
      await file.close();
    }
    await rename(unfinished, path);
    return { bytes };
  } catch (error) {
    // Where nothing could be written, nothing can be removed.
    await rm(unfinished, { force: true }).catch(() => {});
    signal.throwIfAborted();
    throw new Error(`Cannot write ${path}: ${(error as Error).message}`, { cause: error });
  }
}

async function writeAll(file: FileHandle, piece: Buffer): Promise<void> {
  for (let at = 0; at < piece.length;) at += (await file.write(piece, at)).bytesWritten;
}

/** The tensor's bytes with its padding. A piece is only good until the next one is asked for. */
function* tensorPieces(tensor: PlannedTensor, random: RandomWeights): Generator<Buffer, void> {
  const weights = tensor.dimensions.reduce((product, dimension) => product * dimension, 1);
  const piece = new Float32Array(Math.min(pieceWeights, weights));
  for (let from = 0; from < weights; from += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, weights - from));
    if (tensor.deviation === undefined) part.fill(1);
    else random(part, tensor.deviation);
    yield encode(part, tensor.type);
  }
  const padding = aligned(tensor.bytes) - tensor.bytes;
  if (padding > 0) yield Buffer.alloc(padding);
}

function encode(weights: Float32Array, type: PlannedTensor["type"]): Buffer {
  if (type === "f32") return Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength);
  if (type === "f16") {
    const halves = Uint16Array.from(weights, toHalf);
    return Buffer.from(halves.buffer);
  }
  const bytes = Buffer.alloc((weights.length / q8Block.weights) * q8Block.bytes);
  for (let block = 0; block * q8Block.weights < weights.length; block++) {
    quantizeQ8(weights, block * q8Block.weights, bytes, block * q8Block.bytes);
  }
  return bytes;
}
