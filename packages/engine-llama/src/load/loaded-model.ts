// Makes the info of a loaded model, its embedder, and the Backend of a model that does not generate.
import { statSync } from "node:fs";
import { basename, resolve } from "node:path";
import type { Backend, BackendInfo, ModelFile } from "@waggle/engine";
import {
  chatTemplatesOf,
  descriptionOf,
  quantizationOfHeader,
  type GgufHeader,
  type ModelUse,
} from "@waggle/models/header";
import { textTokens } from "@waggle/models/memory";
import type { LoadedSettings } from "@waggle/protocol";
import type { Llama, LlamaModel } from "node-llama-cpp";
import { createEmbedder, type EmbedderOptions, type LlamaEmbedder } from "../embed/embedder.ts";
import { memorySettingsOf } from "./context.ts";
import { buildOf } from "./llama.ts";
import type { LlamaBackendOptions } from "./load.ts";
import type { LoraAdapters } from "./lora.ts";
import { cannotLoad } from "./load-error.ts";
import { createReadingBackend } from "../embed/reading-backend.ts";
import type { Tokenizer } from "../text/tokenizer.ts";
import type { Vocabulary } from "../text/vocabulary.ts";

export const defaultBatchSize = 512;

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

/** Makes the model's info, without the chat format. @param chatTemplate "" for a model without a template */
export function describe(
  { options, header, llama, model, maxThreads, use, vocabulary, loadedSettings }: LoadedModel,
  size: Pick<BackendInfo, "contextSize" | "contextPool" | "batchSize">,
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
    release: llama.llamaCppRelease.release,
    binding: "library",
    settings: loadedSettings(size.batchSize),
    infill: use.kind === "generate" && vocabulary.infill !== undefined,
    promptTexts: { chatTemplate, bos: model.tokens.bosString ?? "", eos: model.tokens.eosString ?? "" },
  };
}

function describeFile(modelPath: string, header: GgufHeader): ModelFile {
  return {
    architecture: header.architecture,
    quantization: quantizationOfHeader(header),
    description: descriptionOf(header),
    modifiedAt: statSync(modelPath).mtime.toISOString(),
  };
}

/** @throws WaggleError unavailable */
export function loadReadingBackend(loaded: LoadedModel, release: () => Promise<void>): Backend {
  const { options, model, use, vocabulary, tokenizer } = loaded;
  const { contextSize: wanted, contextPool } = options;
  const contextSize = textTokens({ trained: model.trainContextSize, contextSize: wanted, contextPool });
  const batchSize = use.mustBeWhole ? contextSize : Math.max(options.batchSize ?? defaultBatchSize, options.slots);
  const embedder = embedderOf(loaded, { maxTokens: contextSize, batchSize, threads: options.threads });
  if (embedder === undefined) throw cannotLoad(options.modelPath, "node-llama-cpp cannot embed with this model");
  const described = describe(loaded, {
    contextSize,
    contextPool: contextSize,
    batchSize: Math.max(embedder.maxPieceTokens, options.slots),
  });
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
  return createEmbedder({
    ...{ model, header, use, tokenize: tokenizer.tokenize, rankTemplate, ...size },
    memory: memorySettingsOf(model),
    applyAdapters: (context) => adapters.apply(context),
  });
}
