// Summarizes a model file from its header, which is on this machine or on a hub.
import { engineMemory, type EngineMemory, type PictureMemorySettings } from "@waggle/models/memory";
import { modelCardOf, type ModelCard } from "@waggle/models/header";
import { readModelHeader, readModelProjector, shownReference } from "@waggle/models/download";
import type { PictureAbility } from "@waggle/protocol";
import { embeddedModelName, embeddedModelPath } from "@waggle/worker/embedded-model";
import type { Context } from "../command.ts";
import { counted, formatBytes, formatCount } from "@waggle/daemon/terminal";
import { projectorText } from "../worker/model-words.ts";
import { hubOptions, modelSettings } from "./worker-settings.ts";

export interface FileCard {
  readonly reference: string;
  /** Undefined when the file is not on this machine. */
  readonly path: string | undefined;
  readonly card: ModelCard;
  readonly pictures: PictureAbility | undefined;
  /** Why a projector is not used. */
  readonly pictureProblem: string | undefined;
  /** The memory that the model needs with the worker's settings; undefined when the worker cannot use the model. */
  readonly memory: (EngineMemory & { readonly slots: number }) | undefined;
}

/** @param reference a path, or a reference to download @throws WaggleError naming the problem of the file */
export async function readCard({ config, signal }: Context, reference: string): Promise<FileCard> {
  const options = { folder: config.modelsFolder, signal, ...(await hubOptions(config.env)) };
  const model = await readModelHeader(reference, options);
  const card = modelCardOf(model.header);
  const projector = card.kind === "generate" ? await readModelProjector(reference, model, options) : undefined;
  const settings = await modelSettings(config.env);
  const pictures =
    projector?.card === undefined ? undefined : { projector: projector.card, maxPixels: settings.maxPicturePixels };
  const memory =
    card.problem === undefined
      ? { ...engineMemory(model.header, { ...settings, pictures }), slots: settings.slots }
      : undefined;
  return {
    ...{ reference: shownReference(reference), path: model.path, card, memory },
    pictures: pictures === undefined ? undefined : toPictureAbility(pictures, projector?.file),
    pictureProblem: projector?.problem,
  };
}

function toPictureAbility({ projector, maxPixels }: PictureMemorySettings, file = ""): PictureAbility {
  return { projector: projector.name ?? file, bytes: projector.fileBytes, max_pixels: maxPixels };
}

const uses = { generate: "text", embed: "embeddings", rerank: "reranking" } as const;

export function fileFacts(file: FileCard): (readonly [string, string | undefined])[] {
  const { reference, path, card, memory, pictures, pictureProblem } = file;
  const { kind, problem, trainedContext, embeddingSize, parts, chatTemplates } = card;
  return [
    ["name", file.path === embeddedModelPath() ? embeddedModelName : card.name],
    ["can do", kind === undefined ? problem : abilityWords(uses[kind], file)],
    ["architecture", card.architecture],
    ["size", card.sizeLabel],
    ["parameters", formatCount(card.parameters)],
    ["quantization", card.quantization],
    ["context", trainedContext === undefined ? undefined : `trained for ${trainedContext} tokens`],
    ["layers", String(card.layers)],
    ["vocabulary", `${card.vocabularySize} tokens`],
    ["vectors", embeddingSize === undefined ? undefined : `${embeddingSize} numbers`],
    ["chat template", chatTemplates.length === 0 ? "none" : chatTemplates.join(", ")],
    ["file", `${formatBytes(card.fileBytes)}${parts > 1 ? ` in ${parts} parts` : ""}`],
    ["projector", pictures === undefined ? pictureProblem && `not used: ${pictureProblem}` : projectorText(pictures)],
    ["memory", memory === undefined ? undefined : memoryWords(memory)],
    ["where", path ?? `${reference}, not downloaded`],
  ];
}

function abilityWords(use: string, { card, pictures }: FileCard): string {
  return `${use}${pictures === undefined ? "" : ", reads pictures"}${card.infill ? ", code infill" : ""}`;
}

function memoryWords({ total, slots, contextSize, contextPool }: NonNullable<FileCard["memory"]>): string {
  return `${formatBytes(total)} with ${counted(slots, "slot")}, ${contextSize} tokens for one job, ${contextPool} for all`;
}
