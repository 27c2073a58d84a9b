// Owns a model's load in the figures that llm-d's router reads from vLLM, and what they mean for slots instead of blocks.
// The names are vLLM's because the router knows them without configuration (llm-d-router 0.9.0).
import type { SlotStatus } from "@waggle/protocol";
import type { ModelMetrics } from "@waggle/telemetry";

/** Tokens of a block in these gauges: the router counts prefixes in blocks of no fewer. A slot has no blocks; its unit is the token. */
const vllmBlockTokens = 64;

/** What of a model's host matters here. */
export interface LoadedModel {
  readonly dispatcher: { readonly running: number; readonly waiting: number };
  /** Of its engine; undefined while it was never loaded. */
  readonly info: { readonly slots: number; readonly contextSize: number } | undefined;
  /** Empty without an engine. */
  readonly slots: readonly SlotStatus[];
}

/** @param hosts all that have the model's name */
export function setVllmGauges(gauges: ModelMetrics, hosts: readonly LoadedModel[]): void {
  const loaded = hosts.filter(({ slots }) => slots.length > 0);
  const cells = sumOf(loaded, ({ info }) => (info === undefined ? 0 : info.slots * info.contextSize));
  gauges.vllmWaiting.set(sumOf(hosts, ({ dispatcher }) => dispatcher.waiting));
  gauges.vllmRunning.set(sumOf(hosts, ({ dispatcher }) => dispatcher.running));
  gauges.vllmKvUsage.set(cells === 0 ? 0 : sumOf(loaded, cellsOfJobs) / cells);
  const blocks = { block_size: String(vllmBlockTokens), num_gpu_blocks: String(Math.floor(cells / vllmBlockTokens)) };
  gauges.vllmCacheConfig.set(blocks, 1);
}

/**
 * Only cells that running jobs fill count. With prefixes that idle slots keep a worker would look full for ever; with busy slots it would
 * exceed the router's 0.8 and get no requests for a slot that is free. A shifted context counts its slot at most.
 */
function cellsOfJobs({ slots, info }: LoadedModel): number {
  const most = info?.contextSize ?? 0;
  return sumOf(slots, ({ prompt_tokens: prompt, tokens }) => Math.min(prompt + tokens, most));
}

function sumOf<T>(all: readonly T[], count: (one: T) => number): number {
  return all.reduce((sum, one) => sum + count(one), 0);
}
