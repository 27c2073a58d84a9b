// Reads from its header what a projector is: the encoder that turns pictures into embeddings for a model. Also decides whether it fits a model.
import { GgufError } from "./gguf-error.ts";
import { quantizationOfHeader } from "./model-card.ts";
import type { GgufHeader } from "./read-header.ts";

/** The facts of a projector that reads pictures. Sizes of 0 are missing in the file. */
export interface ProjectorCard {
  /** `general.name` of the file. */
  readonly name: string | undefined;
  /** Such as `qwen2vl_merger` or `gemma3`. */
  readonly type: string;
  readonly quantization: string | undefined;
  readonly fileBytes: number;
  /** Width and height of a picture, or of a piece of a picture, for encoders with a fixed size. Pixels. */
  readonly imageSize: number;
  /** Width and height of a patch. Pixels. */
  readonly patchSize: number;
  /** The file's limit for a picture in pixels; undefined if the file has none. */
  readonly mostPixels: number | undefined;
  /** Patches in a row, and in a column, that become one cell of the model; undefined if the file does not say. */
  readonly mergedPatches: number | undefined;
  readonly layers: number;
  readonly width: number;
  readonly feedForwardLength: number;
  /** Whether most layers see only a window of the picture, with a mask over all patches. */
  readonly hasWindows: boolean;
  /** Numbers in the embedding of a cell; undefined if the header does not show it. */
  readonly embeddingSize: number | undefined;
}

/** Whether the file is an encoder of pictures or sounds, which works only with a model. */
export function isProjector({ architecture }: Pick<GgufHeader, "architecture">): boolean {
  return architecture === "clip";
}

/** @throws GgufError for a file that is not a projector, or whose projector does not read pictures */
export function projectorCardOf(header: GgufHeader): ProjectorCard {
  const { metadata, name, fileBytes } = header;
  if (!isProjector(header)) throw new GgufError(`not a projector, but a model of architecture ${header.architecture}`);
  if (metadata.boolean("clip.has_vision_encoder") !== true) {
    throw new GgufError("the projector does not read pictures (clip.has_vision_encoder)");
  }
  const type = metadata.string("clip.projector_type") ?? metadata.string("clip.vision.projector_type");
  if (type === undefined) throw new GgufError("the file does not name its type of projector (clip.projector_type)");
  const number = (key: string): number | undefined => metadata.number(`clip.vision.${key}`);
  return {
    name,
    type,
    quantization: quantizationOfHeader(header),
    fileBytes,
    imageSize: number("image_size") ?? 0,
    patchSize: number("patch_size") ?? 0,
    mostPixels: number("image_max_pixels"),
    mergedPatches: number("spatial_merge_size") ?? number("projector.scale_factor"),
    layers: number("block_count") ?? 0,
    width: number("embedding_length") ?? 0,
    feedForwardLength: number("feed_forward_length") ?? 0,
    hasWindows: (number("n_wa_pattern") ?? 0) > 0,
    embeddingSize: embeddingSizeOf(header, type),
  };
}

/**
 * Why a projector cannot be used with a model, as the end of a sentence; undefined if it can, or if the headers do not tell. llama.cpp checks again when
 * it loads the projector.
 */
export function projectorMisfit(projector: ProjectorCard, { architecture, metadata }: GgufHeader): string | undefined {
  const number = (key: string): number => metadata.number(`${architecture}.${key}`) ?? 0;
  const wanted = number("embedding_length") * (1 + number("n_deepstack_layers"));
  const { embeddingSize } = projector;
  if (embeddingSize === undefined || wanted === 0 || embeddingSize === wanted) return undefined;
  return `its embeddings have ${embeddingSize} numbers, and the model's ${wanted}`;
}

/** The last tensors of projectors, and the dimension that is the size of an embedding; as in `clip_n_mmproj_embd` of llama.cpp. */
const lastTensors: readonly (readonly [name: string, dimension: number])[] = [
  ["mm.merger.fc2.bias", 0],
  ["mm.down.weight", 1],
  ["mm.model.fc.weight", 1],
  ["mm.input_projection.weight", 1],
  ["mm.model.mlp.3.weight", 1],
  ["mm.3.weight", 1],
  ["mm.2.weight", 1],
  ["resampler.proj.weight", 0],
  ["adapter.linear.dense_4h_to_h.weight", 1],
  ["mm.model.peg.0.bias", 0],
  ["mm.model.mb_block.1.block.2.1.bias", 0],
];

function embeddingSizeOf({ tensors }: Pick<GgufHeader, "tensors">, type: string): number | undefined {
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape]));
  const [name, dimension] = lastTensors.find(([one]) => shapes.has(one)) ?? [];
  if (name === undefined || dimension === undefined) return undefined;
  const isTransposed = name === "mm.input_projection.weight" && type.startsWith("gemma3");
  const size = shapes.get(name)?.[isTransposed ? 0 : dimension];
  // These layers of the encoder also give the model an embedding each.
  const deepstackLayers = tensors.filter((tensor) => /^v\.deepstack\.\d+\.fc1\.weight$/.test(tensor.name)).length;
  return size === undefined ? undefined : size * (1 + deepstackLayers);
}
