// Writes made-up models that read pictures: a text model, and a projector in the same folder, where llama.cpp's tools look for it.
import { join } from "node:path";
import type { Chat } from "../decoder-model.ts";
import { fileType, gguf } from "../gguf.ts";
import type { Quantization } from "../quantization.ts";
import { writeRandomModel } from "../random-model.ts";
import { writeRandomTensors } from "../random-tensors.ts";
import type { ModelShape } from "../shapes.ts";
import { gemmaChat, idefics3Chat, llavaChat, pixtralChat, qwenChat } from "./chats.ts";
import { checkEncoderSize, type EncoderSize } from "./encoder-size.ts";
import { projectorMetadata, projectorTensors, unitOf, type ProjectorKind } from "./projector-model.ts";

export interface PictureModelOptions {
  /** Folder of the two files. */
  readonly folder: string;
  /** Name of the model's file without its ending; that of the shape by default. */
  readonly name?: string;
  readonly shape: PictureShape;
  /** Number that the weights depend on; 1 by default. */
  readonly seed?: number;
  /** Number that the projector's weights depend on; `seed` by default. */
  readonly projectorSeed?: number;
  /** Sizes of the text model, those of a decoder with attention; small ones by default. */
  readonly text?: ModelShape;
  /** Context length in tokens, as the file reports it; that of `text` by default. */
  readonly context?: number;
  /** Types of the text model's weights; Q8_0 by default. */
  readonly quantization?: Quantization;
  /** Sizes of the encoder; small ones by default. */
  readonly encoder?: Partial<EncoderSize>;
  /** Called after each part of a file with the share of that file that is written, up to 1. */
  readonly onProgress?: (share: number) => void;
}

export interface PictureModel {
  /** Path of the text model. */
  readonly model: string;
  /** Path of the projector: `mmproj-` and the name of the model. */
  readonly projector: string;
}

export interface ProjectorFileOptions extends Pick<PictureModelOptions, "shape" | "seed" | "encoder" | "onProgress"> {
  readonly path: string;
  /** Width of the text model. */
  readonly textWidth: number;
}

interface Family {
  /** The real model of this shape. */
  readonly like: string;
  readonly architecture: NonNullable<ModelShape["architecture"]>;
  readonly chat: Chat;
  readonly encoder: EncoderSize;
  readonly leastLayers: number;
  /** Attention window of the text model. */
  readonly window?: number;
}

const families = {
  qwen2vl: {
    ...{ like: "Qwen2-VL", architecture: "qwen2vl", chat: qwenChat },
    ...{ encoder: { layers: 2, width: 64, imageSize: 560 }, leastLayers: 1 },
  },
  qwen3vl: {
    ...{ like: "Qwen3-VL", architecture: "qwen3vl", chat: qwenChat },
    ...{ encoder: { layers: 4, width: 64, imageSize: 256 }, leastLayers: 4 },
  },
  gemma3: {
    ...{ like: "Gemma 3", architecture: "gemma3", chat: gemmaChat, window: 1_024 },
    ...{ encoder: { layers: 2, width: 64, imageSize: 224 }, leastLayers: 1 },
  },
  // mtmd leaves out the last layer.
  llava: {
    ...{ like: "LLaVA 1.5", architecture: "llama", chat: llavaChat },
    ...{ encoder: { layers: 3, width: 64, imageSize: 112 }, leastLayers: 2 },
  },
  pixtral: {
    ...{ like: "Pixtral", architecture: "llama", chat: pixtralChat },
    ...{ encoder: { layers: 2, width: 64, imageSize: 1_024 }, leastLayers: 1 },
  },
  idefics3: {
    ...{ like: "SmolVLM", architecture: "llama", chat: idefics3Chat },
    ...{ encoder: { layers: 2, width: 64, imageSize: 128 }, leastLayers: 1 },
  },
} as const satisfies Readonly<Record<ProjectorKind, Family>>;

export type PictureShape = keyof typeof families;

export const pictureShapes = Object.keys(families) as readonly PictureShape[];

const sharpness = 4;

const smallText: ModelShape = {
  ...{ name: "small", like: "none", layers: 6, width: 128, heads: 4, kvHeads: 2, feedForward: 256 },
  ...{ vocabulary: 1_024, context: 4_096 },
};

/** The real model of this shape. */
export function likeOf(shape: PictureShape): string {
  return families[shape].like;
}

/** @throws Error naming a size that cannot be used, or a path that cannot be written */
export function writePictureModel(options: PictureModelOptions): PictureModel {
  const { folder, name = options.shape, shape, seed = 1, projectorSeed = seed, onProgress = () => {} } = options;
  const { text: sizes = smallText, context = sizes.context } = options;
  const text = { ...textModelShape(shape, sizes), context };
  const [model, projector] = [join(folder, `${name}.gguf`), join(folder, `mmproj-${name}.gguf`)];
  const { chat } = families[shape];
  const encoder = encoderSizeOf(shape, options.encoder);
  writeRandomModel(text, model, { quantization: options.quantization ?? "Q8_0", chat, seed, onProgress });
  writeProjector({ path: projector, shape, textWidth: text.width, seed: projectorSeed, encoder, onProgress });
  return { model, projector };
}

/** Writes only the projector. @throws Error like `writePictureModel` */
export function writeProjector({ path, shape, textWidth, encoder, ...random }: ProjectorFileOptions): void {
  const projection = { size: encoderSizeOf(shape, encoder), textWidth };
  const metadata = {
    ...projectorMetadata(shape, projection),
    "general.name": gguf.string(`Random ${shape} projector`),
    "general.description": gguf.string(`Random weights in the shape of ${likeOf(shape)}, for measuring`),
    "general.file_type": gguf.uint32(fileType.Q8_0),
    "general.quantization_version": gguf.uint32(2),
  };
  writeRandomTensors(path, metadata, projectorTensors(shape, projection), random);
}

/** @throws Error naming a size that cannot be used */
function encoderSizeOf(shape: PictureShape, encoder: Partial<EncoderSize> | undefined): EncoderSize {
  const family: Family = families[shape];
  const size = { ...family.encoder, ...encoder };
  checkEncoderSize(size, { leastLayers: family.leastLayers, unit: unitOf(shape) });
  return size;
}

/** The sizes of a decoder with the family's architecture. @throws Error for sizes that the architecture cannot have */
function textModelShape(shape: PictureShape, sizes: ModelShape): ModelShape {
  const { like, architecture, window } = families[shape] as Family;
  const { width, heads, headSize = width / heads } = sizes;
  if (sizes.encoder !== undefined || sizes.recurrent === true)
    throw new Error(`Cannot make a text model of the shape ${sizes.name}: it must be a decoder with attention`);
  if (architecture === "qwen2vl" && headSize * heads !== width)
    throw new Error(
      `Cannot make a text model of the shape ${sizes.name}: its heads together must be as wide as the model`,
    );
  const { layers, kvHeads, feedForward, vocabulary, context } = sizes;
  const name = `${shape} ${sizes.name}`;
  return {
    ...{ name, like, layers, width, heads, kvHeads, feedForward, vocabulary, context, architecture, sharpness },
    ...(sizes.headSize === undefined ? {} : { headSize }),
    ...(window === undefined ? {} : { window: sizes.window ?? window }),
  };
}
