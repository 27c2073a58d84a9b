// Computes the share of the KV cache's cells that running jobs fill.
import type { SlotStatus } from "@waggle/protocol";

/** The part of a model's host that the share needs. */
export interface LoadedModel {
  /** Reported by the engine; undefined if the model was never loaded. */
  readonly info: { readonly contextSize: number; readonly contextPool: number } | undefined;
  /** Empty without an engine. */
  readonly slots: readonly SlotStatus[];
}

/** Share of the KV cache's cells that running jobs fill, 0 to 1. */
export function kvUseOf(hosts: readonly LoadedModel[]): number {
  const loaded = hosts.filter(isLoaded);
  const cells = sumOf(loaded, ({ info }) => info?.contextPool ?? 0);
  return cells === 0 ? 0 : sumOf(loaded, cellsOfJobs) / cells;
}

const isLoaded = ({ slots }: LoadedModel): boolean => slots.length > 0;

/**
 * KV cells that running jobs have filled. If prefixes in idle slots counted, a worker would look full forever. A decide job computes its prompts
 * one after another, and counts as a full slot at most. A parked job has no cells.
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
