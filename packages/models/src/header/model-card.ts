// Summarizes a model by its header alone, so that a user can read about it before loading or even downloading it.
import { hyperparametersOf } from "./hyperparameters.ts";
import { modelUseOf, type ModelUse } from "./model-use.ts";
import type { GgufHeader } from "./read-header.ts";

export interface ModelCard {
  /** `general.name` of the file. */
  readonly name: string | undefined;
  /** The maker's description, at most 400 characters. */
  readonly description: string | undefined;
  readonly architecture: string;
  /** Undefined if the model cannot be used; `problem` is then the reason. */
  readonly kind: ModelUse["kind"] | undefined;
  readonly problem: string | undefined;
  /** The maker's name for the size: `8B`, `8x7B`. */
  readonly sizeLabel: string | undefined;
  /** Number of weights in all tensors. */
  readonly parameters: number;
  /** Such as `Q4_K_M`; if the file names no quantization, the type of most weights. */
  readonly quantization: string | undefined;
  /** Context length in training, in tokens. */
  readonly trainedContext: number | undefined;
  /** Numbers in a token's vector. */
  readonly embeddingSize: number | undefined;
  readonly layers: number;
  readonly vocabularySize: number;
  /** Bytes of all parts together. */
  readonly fileBytes: number;
  /** Number of files; 1 unless the model is split. */
  readonly parts: number;
  /** Names of the chat templates. The unnamed template is called `default`. */
  readonly chatTemplates: readonly string[];
  /** Whether the vocabulary has infill markers. */
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

/** `general.description` in one line, cut to 400 characters; undefined if it is missing or blank. */
export function descriptionOf({ metadata }: Pick<GgufHeader, "metadata">): string | undefined {
  const text = metadata
    .string("general.description")
    ?.replaceAll(/[\s\p{Cc}]+/gu, " ")
    .trim();
  if (text === undefined || text === "") return undefined;
  const chars = [...text];
  return chars.length <= descriptionChars ? text : `${chars.slice(0, descriptionChars - 1).join("")}…`;
}

/** Sources of the chat templates: `tokenizer.chat_template` as `default`, and each `tokenizer.chat_template.NAME` as `NAME`. */
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

/** `llama_ftype` of llama.h, without the prefix `MOSTLY_`. Types that llama.cpp removed keep their places. */
const quantizations: readonly string[] = [
  ...["F32", "F16", "Q4_0", "Q4_1", "Q4_1_SOME_F16", "Q4_2", "Q4_3", "Q8_0", "Q5_0", "Q5_1", "Q2_K"],
  ...["Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K", "IQ2_XXS", "IQ2_XS"],
  ...["Q2_K_S", "IQ3_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S", "IQ3_M", "IQ2_S", "IQ2_M", "IQ4_XS", "IQ1_M", "BF16"],
  ...["Q4_0_4_4", "Q4_0_4_8", "Q4_0_8_8", "TQ1_0", "TQ2_0", "MXFP4_MOE", "NVFP4", "Q1_0", "Q2_0"],
];

/** @returns undefined for an unknown or missing number */
export function quantizationOf(fileType: number | undefined): string | undefined {
  return fileType === undefined ? undefined : quantizations[fileType];
}

/** The quantization that `general.file_type` names. If that is missing or unknown, the type of most weights. */
export function quantizationOfHeader({
  metadata,
  tensors,
}: Pick<GgufHeader, "metadata" | "tensors">): string | undefined {
  const named = quantizationOf(metadata.number("general.file_type"));
  if (named !== undefined) return named;
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
