// Reports a model's load in vLLM's gauges, for llm-d's router: it reads these names without configuration (llm-d-router 0.9.0). Our slots
// have no blocks, so tokens are converted to blocks.
import type { SlotStatus } from "@waggle/protocol";
import type { ModelMetrics } from "@waggle/telemetry";

/** Tokens of a block in these gauges: the router counts prefixes in blocks of at least this size. */
const vllmBlockTokens = 64;

/** The part of a model's host that the gauges need. */
export interface LoadedModel {
  readonly dispatcher: { readonly running: number; readonly waiting: number };
  /** Reported by the engine; undefined if the model was never loaded. */
  readonly info: { readonly contextSize: number; readonly contextPool: number } | undefined;
  /** Empty without an engine. */
  readonly slots: readonly SlotStatus[];
}

/** @param hosts all hosts with the model's name */
export function setVllmGauges(gauges: ModelMetrics, hosts: readonly LoadedModel[]): void {
  const cells = sumOf(hosts.filter(isLoaded), ({ info }) => info?.contextPool ?? 0);
  gauges.vllmWaiting.set(sumOf(hosts, ({ dispatcher }) => dispatcher.waiting));
  gauges.vllmRunning.set(sumOf(hosts, ({ dispatcher }) => dispatcher.running));
  gauges.vllmKvUsage.set(kvUseOf(hosts));
  const blocks = { block_size: String(vllmBlockTokens), num_gpu_blocks: String(Math.floor(cells / vllmBlockTokens)) };
  gauges.vllmCacheConfig.set(blocks, 1);
}

/** Share of the KV cache's cells that running jobs fill, 0 to 1. */
export function kvUseOf(hosts: readonly LoadedModel[]): number {
  const loaded = hosts.filter(isLoaded);
  const cells = sumOf(loaded, ({ info }) => info?.contextPool ?? 0);
  return cells === 0 ? 0 : sumOf(loaded, cellsOfJobs) / cells;
}

const isLoaded = ({ slots }: LoadedModel): boolean => slots.length > 0;

/**
 * KV cells that running jobs have filled. If prefixes in idle slots counted, a worker would look full forever. If busy slots counted as
 * full, the worker would exceed the router's limit of 0.8 and get no requests for a free slot. A job with a shifted context counts as a
 * full slot at most. A parked job has no cells.
 */
function cellsOfJobs({ slots, info }: LoadedModel): number {
  const { contextSize = 0, contextPool = 0 } = info ?? {};
  const computing = slots.filter(({ state }) => state !== "parked");
  const cells = sumOf(computing, ({ prompt_tokens: prompt, tokens }) => Math.min(prompt + tokens, contextSize));
  return Math.min(cells, contextPool);
}

export function sumOf<T>(all: readonly T[], count: (one: T) => number): number {
  return all.reduce((sum, one) => sum + count(one), 0);
}
