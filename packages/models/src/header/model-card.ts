// Owns the short description of a model that its header alone gives: what one reads before loading or even downloading it.
import { quantizationOf } from "./file-types.ts";
import { hyperparametersOf } from "./hyperparameters.ts";
import { modelUseOf, type ModelUse } from "./model-use.ts";
import type { GgufHeader } from "./read-header.ts";

export interface ModelCard {
  /** The model's own name, where it has one. */
  readonly name: string | undefined;
  /** What its maker writes of it, in a line or a few. */
  readonly description: string | undefined;
  readonly architecture: string;
  /** What it is for; undefined where `problem` says why for nothing. */
  readonly kind: ModelUse["kind"] | undefined;
  readonly problem: string | undefined;
  /** `8B`, `8x7B`: what its maker calls its size. */
  readonly sizeLabel: string | undefined;
  /** Weights of all tensors. */
  readonly parameters: number;
  /** `Q4_K_M`; the type of most weights where the file does not name one. */
  readonly quantization: string | undefined;
  /** Tokens. */
  readonly trainedContext: number | undefined;
  /** Numbers of a token's vector. */
  readonly embeddingSize: number | undefined;
  readonly layers: number;
  readonly vocabularySize: number;
  /** Of all parts together. */
  readonly fileBytes: number;
  readonly parts: number;
  /** The names of its chat templates; `default` is the one without a name. */
  readonly chatTemplates: readonly string[];
  /** It has tokens that mark a hole to be filled. */
  readonly infill: boolean;
}

export function modelCardOf(header: GgufHeader): ModelCard {
  const shape = hyperparametersOf(header);
  const use = useOf(header);
  return {
    name: header.name,
    description: descriptionOf(header),
    architecture: header.architecture,
    kind: typeof use === "string" ? undefined : use.kind,
    problem: typeof use === "string" ? use : undefined,
    sizeLabel: header.metadata.string("general.size_label"),
    parameters: header.tensors.reduce((total, { weights }) => total + weights, 0),
    quantization: quantizationOfHeader(header),
    trainedContext: shape.contextLength,
    embeddingSize: shape.embeddingLength,
    layers: shape.layers,
    vocabularySize: shape.vocabularySize,
    fileBytes: header.fileBytes,
    parts: header.parts,
    chatTemplates: [...chatTemplatesOf(header).keys()],
    infill: header.infill !== undefined,
  };
}

const descriptionChars = 400;

/** `general.description` in one line, cut where it is too long to read; undefined without one. */
export function descriptionOf({ metadata }: Pick<GgufHeader, "metadata">): string | undefined {
  const text = metadata
    .string("general.description")
    ?.replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (text === undefined || text === "") return undefined;
  const chars = [...text];
  return chars.length <= descriptionChars ? text : `${chars.slice(0, descriptionChars - 1).join("")}…`;
}

/** A file with several has `tokenizer.chat_template` for the usual one and `tokenizer.chat_template.NAME` for the others. */
export function chatTemplatesOf({ metadata }: Pick<GgufHeader, "metadata">): ReadonlyMap<string, string> {
  const first = "tokenizer.chat_template";
  const templates = new Map<string, string>();
  for (const key of metadata.keys) {
    if (key !== first && !key.startsWith(`${first}.`)) continue;
    const source = metadata.string(key);
    if (source !== undefined && source.trim() !== "") {
      templates.set(key === first ? "default" : key.slice(first.length + 1), source);
    }
  }
  return templates;
}

/** By `general.file_type`; where that is missing or unknown, the type of most weights. */
export function quantizationOfHeader({
  metadata,
  tensors,
}: Pick<GgufHeader, "metadata" | "tensors">): string | undefined {
  const said = quantizationOf(metadata.number("general.file_type"));
  if (said !== undefined) return said;
  const weightsByType = new Map<string, number>();
  for (const { type, weights } of tensors) weightsByType.set(type, (weightsByType.get(type) ?? 0) + weights);
  return [...weightsByType].sort(([, one], [, other]) => other - one)[0]?.[0];
}

function useOf(header: GgufHeader): ModelUse | string {
  try {
    return modelUseOf(header);
  } catch (error) {
    return (error as Error).message;
  }
}
