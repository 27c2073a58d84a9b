// Loads a model and makes its Backend. A failed load throws one error with the reason, and frees everything that was loaded before.
import { availableParallelism } from "node:os";
import { createScope, type Scope } from "@waggle/async";
import { contextCapacity, type Backend } from "@waggle/engine";
import { GgufError, chatTemplatesOf, modelUseOf, readGgufFile, type GgufHeader } from "@waggle/models/header";
import { attentionShapeOf, passTokensBehind } from "@waggle/models/memory";
import { WaggleError, type AttentionCosts } from "@waggle/protocol";
import type { LlamaModel } from "node-llama-cpp";
import { createLlamaBackend } from "../slots/backend.ts";
import { openChat } from "../text/chat.ts";
import { loadAddon } from "../passes/addon.ts";
import { attentionTileOf, contextCosts, isMeasurable, isPlainCheaper, measureAttention } from "../passes/attention.ts";
import { fitsPlain, type CacheForm } from "./context.ts";
import { buildOf, openLlama, type LlamaDevice, type LogLevel } from "./llama.ts";
import { cannotLoad, createErrorLines, type ErrorLines } from "./load-error.ts";
import { cacheOptionsOf, loadedSettingsOf, modelOptionsOf, type LoadSettings } from "./load-settings.ts";
import { openLoraAdapters } from "./lora.ts";
import { lockWarning } from "./memory-lock.ts";
import { tokenizerOf } from "../text/tokenizer.ts";
import { defaultBatchSize, describe, embedderOf, loadReadingBackend, type LoadedModel } from "./loaded-model.ts";
import { openDecoding } from "./open-decoding.ts";
import { openSnapshotFiles } from "./open-snapshots.ts";
import { createChunkEntries } from "../slots/chunk-entries.ts";
import type { Addon } from "../passes/addon-decoder.ts";
import { nativeModelOf, VersionError } from "../passes/library-context.ts";
import type { Binding } from "../passes/open-decoder.ts";
import { createPasses } from "../passes/passes.ts";
import { openPictures, type OnOpening, type ProjectorSettings } from "../pictures/open-pictures.ts";
import { createSamplingContext } from "../sampling/sampling.ts";
import { readVocabulary } from "../text/vocabulary.ts";

export interface LlamaBackendOptions extends LoadSettings {
  readonly modelPath: string;
  /** Number of jobs that can run at the same time. */
  readonly slots: number;
  /** Maximum number of tokens of one job, prompt and answer together; by default as `contextDefaults` says. */
  readonly contextSize?: number | undefined;
  /** Maximum number of tokens of all jobs together; by default as `contextDefaults` says. */
  readonly contextPool?: number | undefined;
  /** Number of threads at the start; `setThreads` changes it. */
  readonly threads: number;
  /** Maximum number of tokens in a step; at least the number of slots. By default 512, or 256 for models with recurrent layers. */
  readonly batchSize?: number | undefined;
  readonly device: LlamaDevice;
  /** Folder with GPU packages, in addition to those that were installed with the library. */
  readonly gpuPackages?: string;
  /** Replaces the model's chat template: `chatml`, `generic`, or a template's source. */
  readonly chatTemplate?: string | undefined;
  /** Whether libuv's pool has one thread. The library then computes its calls in order, so that sampling can be requested together with the pass. */
  readonly onePoolThread?: boolean;
  /** `library`: decode with node-llama-cpp's own binding, although there is an addon. */
  readonly binding?: "library" | undefined;
  /** How the slots share the KV cache, if the addon and the model allow it; by default the form that suits the device. */
  readonly cacheForm?: CacheForm | undefined;
  /** Lets the model read pictures; by default it reads none. */
  readonly projector?: ProjectorSettings | undefined;
  /** Folder of KV snapshots, with a subfolder for each model. By default no snapshots are saved. */
  readonly statesFolder?: string | undefined;
  /** Called with the progress from 0 to 1. */
  readonly onProgress?: (progress: number) => void;
  readonly onOpening?: OnOpening;
  /** Called with llama.cpp's warnings and errors, and with messages about the load. */
  readonly log?: (level: LogLevel, message: string) => void;
  readonly signal?: AbortSignal;
}

type ReadModel = Pick<LoadedModel, "header" | "use">;

/** @throws WaggleError unavailable, with the file and the reason in its message; the signal's reason when it aborts */
export async function loadLlamaBackend(options: LlamaBackendOptions): Promise<Backend> {
  const { modelPath, signal, log } = options;
  const { header, use } = await readHeader(modelPath, signal);

  const errors = createErrorLines();
  const scope = createScope();
  try {
    return await load(options, { header, use }, scope, errors);
  } catch (error) {
    const reason = error instanceof VersionError ? undefined : await errors.reason();
    await scope.close().catch((failure: unknown) => log?.("error", String(failure)));
    signal?.throwIfAborted();
    throw error instanceof WaggleError ? error : cannotLoad(modelPath, reason ?? (error as Error).message, error);
  }
}

async function load(
  options: LlamaBackendOptions,
  { header, use }: ReadModel,
  scope: Scope,
  errors: ErrorLines,
): Promise<Backend> {
  const { modelPath, slots, device, gpuPackages, onProgress, log, signal } = options;
  const maxThreads = Math.max(availableParallelism(), options.threads);
  const { llama, release } = await openLlama({ device, gpuPackages, maxThreads }, (level, message) => {
    if (level === "error") errors.add(message);
    log?.(level, message);
  });
  scope.defer(release);
  log?.("info", `llama.cpp runs from the ${buildOf(llama)} build`);
  const model = scope.use(
    await llama.loadModel({
      modelPath,
      ...modelOptionsOf(options, llama, modelPath, header.architecture),
      ...(onProgress === undefined ? {} : { onLoadProgress: onProgress }),
      ...(signal === undefined ? {} : { loadSignal: signal }),
    }),
  );
  const wanted = use.kind !== "generate" || options.binding === "library" ? {} : await loadAddon("waggle-llama");
  const attention = await attentionCostsOf(options, model, header, wanted.addon);
  const isCheaper = attention !== undefined && isPlainCheaper(attention);
  const cache = cacheOptionsOf(options, model, modelPath, isCheaper && (await mayBePlain(options, model, header)));
  const unlocked = options.mlock === true && llama.gpu === false ? lockWarning(model.size) : undefined;
  if (unlocked !== undefined) log?.("warn", unlocked);
  const reason = (): Promise<string | undefined> => errors.reason();
  const adapters = await openLoraAdapters({
    ...{ model, modelPath, files: options.lora ?? [], reason, onOpening: options.onOpening },
  });
  const vocabulary = readVocabulary(model, header.infill);
  const loaded = {
    options,
    header,
    llama,
    model,
    maxThreads,
    use,
    vocabulary,
    tokenizer: tokenizerOf(model, vocabulary),
    loadedSettings: (batchSize: number) => loadedSettingsOf(options, model, cache, batchSize),
    adapters,
  };
  if (use.kind !== "generate") return loadReadingBackend(loaded, () => scope.close());
  warnOfStretching(options, model);
  const warn = (message: string): void => log?.("warn", message);
  const decoding = await openDecoding(loaded, cache, wanted);
  const { context, contextSize, contextPool, form, library, decoder, binding, bindingReason } = decoding;
  logBinding(binding, bindingReason, wanted.isMissing === true, log);
  scope.use(context);
  adapters.apply(context);
  const chat = await openChat({
    templates: chatTemplatesOf(header),
    chosen: options.chatTemplate,
    specialTokens: vocabulary.specialTokens,
    bosText: model.tokens.bosString ?? "",
    eosText: model.tokens.eosString ?? "",
    warn,
  });
  scope.defer(() => chat.close());
  const { batchSize } = context;
  // Texts have a second context, which takes its memory at once: it is as long as one slot's part of the pool.
  const maxTokens = contextCapacity(Math.min(contextSize, Math.floor(contextPool / slots)));
  const embedder = embedderOf(loaded, { maxTokens, batchSize, threads: maxThreads });
  const settings = loaded.loadedSettings(batchSize);
  const entryOf = createChunkEntries();
  const states = openSnapshotFiles(options, { header, model, llama, settings, adapters, form }, entryOf);
  const { sampling, markOf } = createSamplingContext({ ...loaded, chat });
  const { isRecurrent, isHybrid } = model.fileInsights;
  const passes = createPasses({
    decoder,
    library,
    slots,
    sampling,
    contextSize,
    isRecurrent: isRecurrent || isHybrid,
  });
  const opened = await openPictures({
    ...{ settings: options.projector, model, passes, batchSize, entryOf, scope, log, onOpening: options.onOpening },
    addon: binding === "addon" ? wanted.addon : undefined,
    flashAttention: options.flashAttention,
  });
  const pictures = typeof opened === "string" ? undefined : opened;
  const info = {
    ...describe(loaded, { contextSize, contextPool, batchSize }, chat.source),
    ...(embedder === undefined ? {} : { embeddingSize: embedder.width }),
    binding,
    ...(attention === undefined ? {} : { attention }),
    ...(bindingReason === undefined ? {} : { bindingReason }),
    ...(pictures === undefined ? {} : { projector: pictures.info }),
    ...(typeof opened === "string" ? { projectorProblem: opened } : {}),
    templateSha256: chat.templateSha256,
    chatFormat: chat.format,
  };
  const backend = createLlamaBackend({
    model,
    passes,
    sampling,
    markOf,
    info,
    vocabulary,
    tokenizer: loaded.tokenizer,
    embedder,
    chat,
    pictures,
    states,
    oneMatrix: form === "unified",
    attentionTile: attentionTileOf(cache.flashAttention),
    contextCosts: attention === undefined ? undefined : contextCosts(attention, cache.flashAttention),
    mostBehind: form === "reserved" && !cache.flashAttention ? (held) => passTokensBehind(held + batchSize) : undefined,
    applyAdapters: (scales) => adapters.apply(context, scales),
    release: () => scope.close(),
  });
  backend.setThreads(options.threads);
  return backend;
}

/** Measures attention on the CPU, where a job can hold what it is measured with. Undefined where it cannot be measured. */
async function attentionCostsOf(
  { contextSize, threads, log }: LlamaBackendOptions,
  model: LlamaModel,
  header: GgufHeader,
  addon: Addon | undefined,
): Promise<AttentionCosts | undefined> {
  const shape = attentionShapeOf(header);
  if (addon === undefined || shape === undefined || model.gpuLayers > 0) return undefined;
  if (!model.flashAttentionSupported || !isMeasurable(contextSize ?? model.trainContextSize)) return undefined;
  try {
    const [typeK, typeV] = [model.defaultContextKvCacheKeyType, model.defaultContextKvCacheValueType];
    return await measureAttention({ addon, model: nativeModelOf(model), shape, typeK, typeV, threads });
  } catch (error) {
    log?.("warn", `Attention is not measured: ${(error as Error).message}`);
    return undefined;
  }
}

/** Whether slots share their memory without flash attention too, and the context that they would have with it fits. */
async function mayBePlain(
  {
    modelPath,
    slots,
    contextSize,
    contextPool,
    batchSize = defaultBatchSize,
    cacheForm = "reserved",
  }: LlamaBackendOptions,
  model: LlamaModel,
  header: GgufHeader,
): Promise<boolean> {
  const options = { modelPath, header, slots, contextSize, contextPool, batchSize: Math.max(batchSize, slots) };
  return cacheForm === "reserved" && (await fitsPlain(model, options));
}

/** @param reason why the addon does not decode */
function logBinding(
  binding: Binding,
  reason: string | undefined,
  isMissing: boolean,
  log: LlamaBackendOptions["log"],
): void {
  if (binding === "addon") return log?.("info", "Decoding with Waggle's addon");
  const slower = "Decoding with node-llama-cpp's own binding, which is slower";
  if (reason === undefined) return log?.("info", slower);
  const remedy = "In a checkout, pnpm xtask engine:build compiles it.";
  log?.(isMissing ? "info" : "warn", `${slower}. Waggle's addon is not used: ${reason}. ${remedy}`);
}

/** Checks the header before llama.cpp reads it, because llama.cpp ends the process at a wrong length. */
async function readHeader(modelPath: string, signal: AbortSignal | undefined): Promise<ReadModel> {
  try {
    const header = await readGgufFile(modelPath, { signal });
    return { header, use: modelUseOf(header) };
  } catch (error) {
    throw error instanceof GgufError ? cannotLoad(modelPath, error.message, error) : error;
  }
}

function warnOfStretching(
  { contextSize, ropeFreqScale = 1, log }: LlamaBackendOptions,
  { trainContextSize }: LlamaModel,
): void {
  if (contextSize === undefined || contextSize * ropeFreqScale <= trainContextSize) return;
  log?.(
    "warn",
    `A context of ${contextSize} tokens is longer than the ${trainContextSize} tokens that the model was trained on`,
  );
}
