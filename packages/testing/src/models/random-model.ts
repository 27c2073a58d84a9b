// Writes the file of a decoder, a recurrent model or an encoder in Q8_0, with pseudo-random weights that are the same each time.
import { decoderMetadata, decoderTensors } from "./decoder-model.ts";
import { encoderMetadata, encoderTensors } from "./encoder-model.ts";
import { fileTypeQ8, gguf, ggufHeader, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { recurrentMetadata, recurrentTensors } from "./recurrent-model.ts";
import { tensorPieces } from "./random-weights.ts";
import type { ModelShape } from "./shapes.ts";

/** Returns the size of the file in bytes. @throws Error naming the path after a failure; the unfinished file is deleted */
export function writeRandomModel(shape: ModelShape, path: string): number {
  const { tensors, metadata } = partsOf(shape);
  const general = {
    "general.name": gguf.string(`Random ${shape.name} q8_0`),
    "general.description": gguf.string(`Random weights in the shape of ${shape.like}, for measuring`),
    "general.file_type": gguf.uint32(fileTypeQ8),
    "general.quantization_version": gguf.uint32(2),
  };
  return writeModelFile(path, piecesOf(ggufHeader({ ...metadata, ...general }, tensors), tensors));
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

function* piecesOf(header: Buffer, tensors: readonly GgufTensor[]): Generator<Buffer, void> {
  yield header;
  const random = createKeystream();
  for (const tensor of tensors) yield* tensorPieces(tensor, random);
}
