// Writes the file of a decoder, a recurrent model or an encoder, with pseudo-random weights that are the same each time.
import { decoderMetadata, decoderTensors, plainChat, type Chat } from "./decoder-model.ts";
import { encoderMetadata, encoderTensors } from "./encoder-model.ts";
import { fileType, gguf, type GgufTensor } from "./gguf.ts";
import { quantized, type Quantization } from "./quantization.ts";
import { recurrentMetadata, recurrentTensors } from "./recurrent-model.ts";
import { writeRandomTensors, type RandomTensorsOptions } from "./random-tensors.ts";
import type { ModelShape } from "./shapes.ts";

export interface RandomModelOptions extends RandomTensorsOptions {
  /** Q8_0 by default. */
  readonly quantization?: Quantization;
  /** Vocabulary and template of a decoder; plain ones by default. */
  readonly chat?: Chat;
}

/** Returns the size of the file in bytes. @throws Error naming the path after a failure; the unfinished file is deleted */
export function writeRandomModel(shape: ModelShape, path: string, options: RandomModelOptions = {}): number {
  const { quantization = "Q8_0", chat = plainChat } = options;
  const { tensors: plain, metadata } = randomModelParts(shape, chat);
  const tensors = quantized(plain, quantization, shape.layers);
  const general = {
    "general.name": gguf.string(`Random ${shape.name} ${quantization.toLowerCase()}`),
    "general.description": gguf.string(`Random weights in the shape of ${shape.like}, for measuring`),
    "general.file_type": gguf.uint32(fileType[quantization]),
    "general.quantization_version": gguf.uint32(2),
  };
  return writeRandomTensors(path, { ...metadata, ...general }, tensors, options);
}

function randomModelParts(
  shape: ModelShape,
  chat: Chat,
): {
  readonly tensors: readonly GgufTensor[];
  readonly metadata: Readonly<Record<string, Buffer>>;
} {
  const { encoder } = shape;
  if (encoder !== undefined)
    return { tensors: encoderTensors(shape, encoder), metadata: encoderMetadata(shape, encoder) };
  if (shape.recurrent !== true) return { tensors: decoderTensors(shape), metadata: decoderMetadata(shape, chat) };
  const metadata = { ...decoderMetadata(shape, chat, "mamba"), ...recurrentMetadata(shape) };
  return { tensors: recurrentTensors(shape), metadata };
}
