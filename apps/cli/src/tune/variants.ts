// Owns the settings that `waggle tune` compares: the present settings, and for each option its other values.
import type { LoadPlan } from "../local/worker-settings.ts";

export type Settings = LoadPlan["settings"];
export type OptionName = (typeof optionNames)[number];
export const optionNames = ["flash-attention", "batch-size", "cache-type"] as const;

export interface Variant {
  readonly name: string;
  /** Undefined for the present settings, and for a combination. */
  readonly option: OptionName | undefined;
  readonly settings: Partial<Settings>;
  /** The changed settings, by the names of flags. */
  readonly flags: Readonly<Record<string, string | number>>;
}

/** The settings in effect with the present settings. */
export interface Present {
  readonly batchSize: number;
  readonly flashAttention: boolean;
  readonly cacheTypeK: string;
  readonly cacheTypeV: string;
  /** Length of the measured prompt: a larger batch than the prompt changes nothing. */
  readonly promptTokens: number;
}

export const present: Variant = { name: "as now", option: undefined, settings: {}, flags: {} };

const batchSizes = [256, 512, 1_024, 2_048];
const cacheTypes = ["f16", "q8_0"] as const;
/** Types of the V cache that need no flash attention. */
const plainTypes = ["f32", "f16", "bf16"];

export function variantsOf(now: Present, only: readonly OptionName[]): readonly Variant[] {
  const wanted = (option: OptionName): boolean => only.length === 0 || only.includes(option);
  return [
    ...(wanted("flash-attention") ? flashAttentionVariants(now) : []),
    ...(wanted("batch-size") ? batchVariants(now) : []),
    ...(wanted("cache-type") ? cacheVariants(now) : []),
  ];
}

function flashAttentionVariants({ flashAttention, cacheTypeV }: Present): readonly Variant[] {
  if (flashAttention && !plainTypes.includes(cacheTypeV)) return [];
  const value = flashAttention ? "off" : "on";
  const settings = { flashAttention: value } as const;
  return [
    { name: `flash attention ${value}`, option: "flash-attention", settings, flags: { "flash-attention": value } },
  ];
}

function batchVariants({ batchSize: now, promptTokens }: Present): readonly Variant[] {
  const others = batchSizes.filter(
    (size) => size !== now && Math.min(size, now) < promptTokens && size <= 2 * promptTokens,
  );
  return others.map((batchSize) => ({
    name: `batch of ${batchSize}`,
    option: "batch-size",
    settings: { batchSize },
    flags: { "batch-size": batchSize },
  }));
}

function cacheVariants({ cacheTypeK, cacheTypeV, flashAttention }: Present): readonly Variant[] {
  return cacheTypes
    .filter((type) => (type !== cacheTypeK || type !== cacheTypeV) && (flashAttention || plainTypes.includes(type)))
    .map((type) => ({
      name: `KV cache in ${type}`,
      option: "cache-type",
      settings: { cacheTypeK: type, cacheTypeV: type },
      flags: { "cache-type-k": type, "cache-type-v": type },
    }));
}

export function combined(variants: readonly Variant[]): Variant {
  return {
    name: variants.map(({ name }) => name).join(", "),
    option: undefined,
    settings: Object.assign({}, ...variants.map(({ settings }) => settings)) as Partial<Settings>,
    flags: Object.assign({}, ...variants.map(({ flags }) => flags)) as Variant["flags"],
  };
}

/**
 * Numbers of threads to measure, the likely best first: one less than all, all, and fewer. With one fixed number, only this one.
 * @param most number of cores
 */
export function threadCounts({ threads, threadsPinned }: Settings, most: number): readonly number[] {
  if (threadsPinned) return [threads];
  const counts = [threads, most, Math.ceil(most / 2), Math.ceil(most / 4)];
  return [...new Set(counts)].filter((count) => count <= most);
}
