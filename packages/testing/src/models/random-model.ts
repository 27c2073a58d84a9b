// Writes the file of a decoder, a recurrent model or an encoder, with pseudo-random weights that are the same each time.
import { decoderMetadata, decoderTensors } from "./decoder-model.ts";
import { encoderMetadata, encoderTensors } from "./encoder-model.ts";
import { aligned, fileType, gguf, ggufHeader, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { quantized, type Quantization } from "./quantization.ts";
import { recurrentMetadata, recurrentTensors } from "./recurrent-model.ts";
import { tensorPieces } from "./random-weights.ts";
import type { ModelShape } from "./shapes.ts";

export interface RandomModelOptions {
  /** Q8_0 by default. */
  readonly quantization?: Quantization;
  /** Called after each part of the file with the share that is written, up to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Returns the size of the file in bytes. @throws Error naming the path after a failure; the unfinished file is deleted */
export function writeRandomModel(shape: ModelShape, path: string, options: RandomModelOptions = {}): number {
  const { quantization = "Q8_0", onProgress = () => {} } = options;
  const { tensors: plain, metadata } = partsOf(shape);
  const tensors = quantized(plain, quantization, shape.layers);
  const general = {
    "general.name": gguf.string(`Random ${shape.name} ${quantization.toLowerCase()}`),
    "general.description": gguf.string(`Random weights in the shape of ${shape.like}, for measuring`),
    "general.file_type": gguf.uint32(fileType[quantization]),
    "general.quantization_version": gguf.uint32(2),
  };
  return writeModelFile(path, piecesOf(ggufHeader({ ...metadata, ...general }, tensors), tensors, onProgress));
}

function partsOf(shape: ModelShape): {
  readonly tensors: readonly GgufTensor[];
  readonly metadata: Readonly<Record<string, Buffer>>;
} {
  const { encoder } = shape;
  if (encoder !== undefined)
    return { tensors: encoderTensors(shape, encoder), metadata: encoderMetadata(shape, encoder) };
  if (shape.recurrent !== true) return { tensors: decoderTensors(shape), metadata: decoderMetadata(shape) };
  const metadata = { ...decoderMetadata(shape, "mamba"), ...recurrentMetadata(shape) };
  return { tensors: recurrentTensors(shape), metadata };
}

function* piecesOf(
  header: Buffer,
  tensors: readonly GgufTensor[],
  onProgress: (share: number) => void,
): Generator<Buffer, void> {
  const whole = tensors.reduce((sum, { bytes }) => sum + aligned(bytes), header.length);
  const random = createKeystream();
  let written = 0;
  for (const pieces of [[header], ...tensors.map((tensor) => tensorPieces(tensor, random))]) {
    for (const piece of pieces) {
      yield piece;
      written += piece.length;
      onProgress(written / whole);
    }
  }
}
