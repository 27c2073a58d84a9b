// Summarizes a model file from its header, which is on this machine or on a hub.
import { engineMemory, type EngineMemory } from "@waggle/models/memory";
import { modelCardOf, type ModelCard } from "@waggle/models/header";
import { readModelHeader, shownReference } from "@waggle/models/download";
import type { Context } from "../command.ts";
import { formatBytes, formatCount } from "@waggle/daemon/terminal";
import { hubOptions, modelSettings } from "./worker-settings.ts";

export interface FileCard {
  readonly reference: string;
  /** Undefined when the file is not on this machine. */
  readonly path: string | undefined;
  readonly card: ModelCard;
  /** The memory that the model needs with the worker's settings; undefined when the worker cannot use the model. */
  readonly memory: (EngineMemory & { readonly slots: number }) | undefined;
}

/** @param reference a path, or a reference to download @throws WaggleError naming the problem of the file */
export async function readCard({ config, signal }: Context, reference: string): Promise<FileCard> {
  const options = { folder: config.modelsFolder, signal, ...(await hubOptions(config.env)) };
  const { header, path } = await readModelHeader(reference, options);
  const card = modelCardOf(header);
  const settings = await modelSettings(config.env);
  const memory = card.problem === undefined ? { ...engineMemory(header, settings), slots: settings.slots } : undefined;
  return { reference: shownReference(reference), path, card, memory };
}

const uses = { generate: "text", embed: "embeddings", rerank: "reranking" } as const;

export function fileFacts({ reference, path, card, memory }: FileCard): (readonly [string, string | undefined])[] {
  const { kind, problem, trainedContext, embeddingSize, parts, chatTemplates } = card;
  return [
    ["name", card.name],
    ["can do", kind === undefined ? problem : `${uses[kind]}${card.infill ? ", code infill" : ""}`],
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
    ["memory", memory === undefined ? undefined : memoryWords(memory)],
    ["where", path ?? `${reference}, not downloaded`],
  ];
}

function memoryWords({ total, slots, contextSize, contextPool }: NonNullable<FileCard["memory"]>): string {
  return `${formatBytes(total)} with ${slots} slots, ${contextSize} tokens for one job, ${contextPool} for all`;
}
