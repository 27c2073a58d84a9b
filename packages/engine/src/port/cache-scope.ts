// Names the scopes within which jobs share a KV cache: one client with one choice of LoRA adapters, because a cache depends on the adapters.
import type { SlotSampling } from "./steps.ts";

/** Returns equal keys for equal choices of adapters. */
export function adapterKey({ adapters }: Pick<SlotSampling, "adapters">): string {
  return adapters === undefined ? "" : adapters.join(",");
}

/** Only jobs of the same client with the same choice of adapters share a cache. */
export function cacheScopeOf(prepared: {
  readonly job: { readonly cacheScope: string };
  readonly sampling: Pick<SlotSampling, "adapters">;
}): string {
  const { cacheScope } = prepared.job;
  const key = adapterKey(prepared.sampling);
  return key === "" ? cacheScope : `${cacheScope}\n${key}`;
}

/** The client of a cache scope, whatever its adapters. */
export function clientOf(cacheScope: string): string {
  return cacheScope.split("\n", 1)[0] ?? cacheScope;
}
