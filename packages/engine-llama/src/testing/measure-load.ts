// Owns the truth that estimates of memory are held against: it loads models with the engine's own settings, one after the other, reads what llama.cpp
// says that it allocates, computes, and tells how large the process is. Prints JSON. Started by `xtask fit:check` and by tests.
import {
  getLlama,
  LlamaLogLevel,
  type Llama,
  type LlamaContextSequence,
  type LlamaModel,
  type Token,
} from "node-llama-cpp";
import { modelUseOf, readGgufFile, type GgufHeader } from "@waggle/models/header";
import { createBatchDispatch } from "../passes/batch-dispatch.ts";
import { openContext } from "../load/context.ts";

interface Settings {
  readonly modelPath: string;
  readonly slots: number;
  /** Tokens per slot; of an embedding model, of a text. */
  readonly contextSize: number;
  readonly batchSize: number;
  /** `q8_0`; both of keys and of values. */
  readonly cacheType?: string;
  readonly flashAttention?: boolean;
}

/** Bytes, as llama.cpp names its buffers. */
interface Measured {
  weights: number;
  cache: number;
  state: number;
  compute: number;
  output: number;
  /** Of the whole process, once every slot had computed: of worth for the first model in a process only. */
  resident: number;
}

const mebibyte = 1_048_576;
const threads = 2;
const kinds = [
  ["KV", "cache"],
  ["RS", "state"],
  ["compute", "compute"],
  ["output", "output"],
] as const;

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
    // Deprecated as unstable; the engine sets it as well.
    // eslint-disable-next-line no-deprecated
    ...(type === undefined ? {} : { experimentalDefaultContextKvCacheKeyType: type }),
    // eslint-disable-next-line no-deprecated
    ...(type === undefined ? {} : { experimentalDefaultContextKvCacheValueType: type }),
  });
  await using context = await compute(model, header, settings);
  measured.resident = residentBytes();
  // Lines arrive from another thread.
  for (let turn = 0; turn < 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  void context;
  return measured;
}

async function compute(model: LlamaModel, header: GgufHeader, settings: Settings): Promise<AsyncDisposable> {
  const { modelPath, slots, contextSize, batchSize, flashAttention = model.flashAttentionSupported } = settings;
  if (modelUseOf(header).kind !== "generate") {
    const context = await model.createEmbeddingContext({ contextSize: contextSize + 1, batchSize, threads });
    const { _sequence: sequence } = context as unknown as { readonly _sequence: LlamaContextSequence };
    await sequence.evaluateWithoutGeneratingNewTokens(tokensOf(contextSize));
    return context;
  }
  const { context } = await openContext(model, {
    ...{ modelPath, header, slots, contextSize, batchSize, threads, cache: { flashAttention }, signal: undefined },
    dispatch: createBatchDispatch(),
  });
  const tokens = tokensOf(Math.min(contextSize - 1, batchSize));
  for (let slot = 0; slot < slots; slot++) await context.getSequence().evaluateWithoutGeneratingNewTokens(tokens);
  return context;
}

/** Without the gaps in Node's heap, whose size depends on when it was last swept: to be started with --expose-gc. */
function residentBytes(): number {
  globalThis.gc?.();
  const { rss, heapTotal, heapUsed } = process.memoryUsage();
  return rss - heapTotal + heapUsed;
}

function tokensOf(count: number): Token[] {
  return Array.from({ length: count }, (_, index) => (260 + (index % 1_000)) as Token);
}

function nothing(): Measured {
  return { weights: 0, cache: 0, state: 0, compute: 0, output: 0, resident: 0 };
}

function note(measured: Measured, message: string): void {
  const [, what = "", mib = "0"] = /\s(\S+) buffer size =\s+([\d.]+) MiB/.exec(message) ?? [];
  if (what === "") return;
  const kind = kinds.find(([name]) => name === what)?.[1] ?? "weights";
  // A model has several buffers of weights, and may have several caches.
  measured[kind] += Number(mib) * mebibyte;
}
