// Owns what is made of a model once it is loaded, whatever it is for: what it says of itself, and what reads texts for vectors or ranks.
import { basename, resolve } from "node:path";
import type { Backend, BackendInfo } from "@waggle/engine";
import { chatTemplatesOf, type GgufHeader, type ModelUse } from "@waggle/gguf";
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import { createEmbedder, type EmbedderOptions, type LlamaEmbedder } from "./embed.ts";
import { buildOf } from "./llama.ts";
import type { LlamaBackendOptions } from "./load.ts";
import type { LoraAdapters } from "./lora.ts";
import { cannotLoad } from "./load-error.ts";
import { describeFile } from "./model-file.ts";
import { createReadingBackend } from "./reading-backend.ts";
import type { Tokenizer } from "./tokenizer.ts";
import type { Vocabulary } from "./vocabulary.ts";

export const defaultBatchSize = 512;
/** Of a text, unless more are asked for: one that is computed as a whole takes a pass, and as long waits who cancels. */
const defaultTextTokens = 2_048;

export interface LoadedModel {
  readonly options: LlamaBackendOptions;
  readonly header: GgufHeader;
  readonly llama: Llama;
  readonly model: LlamaModel;
  readonly maxThreads: number;
  readonly use: ModelUse;
  readonly vocabulary: Vocabulary;
  readonly tokenizer: Tokenizer;
  readonly loadedSettings: (batchSize: number) => LoadedSettings;
  readonly adapters: LoraAdapters;
}

/**
 * All but how it chats.
 * @param chatTemplate "" where the model does not chat
 */
export function describe(
  { options, header, llama, model, maxThreads, use, vocabulary, loadedSettings }: LoadedModel,
  size: Pick<BackendInfo, "contextSize" | "batchSize">,
  chatTemplate = "",
): Omit<BackendInfo, "chatFormat"> {
  return {
    backend: "llama",
    kind: use.kind,
    modelName: header.name ?? basename(options.modelPath),
    ...size,
    trainedContextSize: model.trainContextSize,
    slots: options.slots,
    parameters: model.fileInsights.totalParameters,
    modelBytes: model.size,
    modelPath: resolve(options.modelPath),
    file: describeFile(options.modelPath, header),
    device: llama.gpu === false ? "cpu" : llama.gpu,
    threads: options.threads,
    maxThreads,
    build: buildOf(llama),
    settings: loadedSettings(size.batchSize),
    infill: use.kind === "generate" && vocabulary.infill !== undefined,
    promptTexts: { chatTemplate, bos: model.tokens.bosString ?? "", eos: model.tokens.eosString ?? "" },
  };
}

/** @throws WaggleError unavailable */
export function loadReadingBackend(loaded: LoadedModel, release: () => Promise<void>): Backend {
  const { options, model, use, vocabulary, tokenizer } = loaded;
  // For what an encoder was not trained on it has no positions.
  const contextSize = Math.min(options.contextSize ?? defaultTextTokens, model.trainContextSize);
  const batchSize = use.mustBeWhole ? contextSize : Math.max(options.batchSize ?? defaultBatchSize, options.slots);
  const embedder = embedderOf(loaded, { maxTokens: contextSize, batchSize, threads: options.threads });
  if (embedder === undefined) throw cannotLoad(options.modelPath, "the library has no vectors of it to give");
  const described = describe(loaded, { contextSize, batchSize: Math.max(embedder.maxPieceTokens, options.slots) });
  const info = use.kind === "embed" ? { ...described, embeddingSize: embedder.width } : described;
  const backend = createReadingBackend({ model, info, vocabulary, tokenizer, embedder, release });
  backend.setThreads(options.threads);
  return backend;
}

export function embedderOf(
  { model, header, use, tokenizer, adapters }: LoadedModel,
  size: Pick<EmbedderOptions, "maxTokens" | "batchSize" | "threads">,
): LlamaEmbedder | undefined {
  const rankTemplate = chatTemplatesOf(header).get("rerank");
  return createEmbedder({ model, header, use, tokenize: tokenizer.tokenize, rankTemplate, adapters, ...size });
}
