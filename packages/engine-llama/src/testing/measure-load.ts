// Measures the memory of loaded models, to check the estimates. Loads models one after the other with the engine's settings, computes, and reads the
// sizes of buffers from llama.cpp's log. Prints JSON. Tests run this file.
import {
  getLlama,
  LlamaLogLevel,
  type Llama,
  type LlamaContextSequence,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import { contextCapacity } from "@waggle/engine";
import { modelUseOf, readGgufFile, type GgufHeader } from "@waggle/models/header";
import { openContext } from "../load/context.ts";
import { estimateFromHeader } from "../passes/library-context.ts";

interface Settings {
  readonly modelPath: string;
  readonly slots: number;
  /** Tokens per slot; for an embedding model, tokens of a text. */
  readonly contextSize: number;
  readonly batchSize: number;
  /** Type of keys and values, for example `q8_0`. */
  readonly cacheType?: string;
  readonly flashAttention?: boolean;
}

/** Bytes of llama.cpp's buffers. */
interface Measured {
  weights: number;
  cache: number;
  state: number;
  compute: number;
  output: number;
}

const mebibyte = 1_048_576;
const threads = 2;
const kinds = [
  ["KV", "cache"],
  ["RS", "state"],
  ["compute", "compute"],
  ["output", "output"],
] as const;

estimateFromHeader();
let current = nothing();
const llama = await getLlama({
  gpu: false,
  build: "never",
  skipDownload: true,
  logLevel: LlamaLogLevel.info,
  maxThreads: threads,
  logger: (_, message) => note(current, message),
});
const results: Measured[] = [];
for (const settings of JSON.parse(process.argv[2] ?? "[]") as readonly Settings[]) {
  results.push(await measure(llama, settings));
}
process.stdout.write(JSON.stringify(results));
process.exit(0);

async function measure(library: Llama, settings: Settings): Promise<Measured> {
  const measured = nothing();
  current = measured;
  const header = await readGgufFile(settings.modelPath);
  const type = settings.cacheType?.toUpperCase() as "Q8_0" | undefined;
  await using model = await library.loadModel({
    modelPath: settings.modelPath,
    gpuLayers: 0,
    useMmap: false,
    // The library marks these options as deprecated because some types do not work. The engine uses them, too.
    // eslint-disable-next-line no-deprecated
    ...(type === undefined ? {} : { experimentalDefaultContextKvCacheKeyType: type }),
    // eslint-disable-next-line no-deprecated
    ...(type === undefined ? {} : { experimentalDefaultContextKvCacheValueType: type }),
  });
  await using context = await compute(model, header, settings);
  // Wait for llama.cpp's log lines, which arrive from another thread.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  void context;
  return measured;
}

async function compute(model: LlamaModel, header: GgufHeader, settings: Settings): Promise<AsyncDisposable> {
  const { modelPath, slots, contextSize, batchSize, flashAttention = model.flashAttentionSupported } = settings;
  if (modelUseOf(header).kind !== "generate") {
    const context = await model.createEmbeddingContext({ contextSize: contextSize + 1, batchSize, threads });
    const { _sequence: sequence } = context as unknown as { readonly _sequence: LlamaContextSequence };
    await sequence.evaluateWithoutGeneratingNewTokens(countedTokens(contextSize));
    return context;
  }
  const { context } = await openContext(model, {
    ...{
      modelPath,
      header,
      slots,
      contextSize,
      contextPool: undefined,
      addon: undefined,
      batchSize,
      threads,
      cache: { flashAttention },
      signal: undefined,
    },
  });
  const tokens = countedTokens(Math.min(contextCapacity(contextSize), batchSize));
  for (let slot = 0; slot < slots; slot++) await context.getSequence().evaluateWithoutGeneratingNewTokens(tokens);
  return context;
}

function countedTokens(count: number): Token[] {
  return Array.from({ length: count }, (_, index) => (260 + (index % 1_000)) as Token);
}

function nothing(): Measured {
  return { weights: 0, cache: 0, state: 0, compute: 0, output: 0 };
}

function note(measured: Measured, message: string): void {
  const [, what = "", mib = "0"] = /\s(\S+) buffer size =\s+([\d.]+) MiB/.exec(message) ?? [];
  if (what === "") return;
  const kind = kinds.find(([name]) => name === what)?.[1] ?? "weights";
  // Add, because a model has several buffers of weights, and may have several caches.
  measured[kind] += Number(mib) * mebibyte;
}
