// Checks before loading whether a model works with the chosen types of its KV cache. For some pairs of types, llama.cpp only
// writes a line to its log and fails; for others, it ends the process.
import type { CacheType, FlashAttention } from "@waggle/protocol";

export interface CacheTypes {
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
}

/** Numbers in a block of every quantized cache type: `QK8_0` and similar constants of ggml-common.h. */
const blockSize = 32;

/** Name of the type in `ggml_type`. */
export function typeName<const T extends CacheType>(type: T): Uppercase<T> {
  return type.toUpperCase() as Uppercase<T>;
}

function isQuantized(type: CacheType): boolean {
  return type !== "f32" && type !== "f16" && type !== "bf16";
}

/**
 * @param supported whether the model supports flash attention
 * @param isPlainBetter whether `auto` means no flash attention, where that is possible
 */
export function flashAttentionOf(
  wanted: { readonly flashAttention?: FlashAttention | undefined; readonly cacheTypeV?: CacheType | undefined },
  supported: boolean,
  isPlainBetter = false,
): { readonly on: boolean; readonly problem?: string } {
  const { flashAttention = "auto", cacheTypeV = "f16" } = wanted;
  const isLeftOut = isPlainBetter && flashAttention === "auto" && !isQuantized(cacheTypeV);
  const on = flashAttention !== "off" && supported && !isLeftOut;
  if (flashAttention === "on" && !on) return { on, problem: "--flash-attention on: the model does not support it" };
  if (on || !isQuantized(cacheTypeV)) return { on };
  const reason = flashAttention === "off" ? "--flash-attention is off" : "the model does not support it";
  return { on, problem: `--cache-type-v ${cacheTypeV}: a quantized V cache needs flash attention, and ${reason}` };
}

/** The part of `architectureMetadata` that has the lengths of attention heads. */
export interface HeadMetadata {
  readonly embedding_length?: number | undefined;
  readonly attention?: {
    readonly head_count?: number | readonly number[] | undefined;
    readonly key_length?: number | undefined;
    readonly value_length?: number | undefined;
    readonly key_length_swa?: number | undefined;
    readonly value_length_swa?: number | undefined;
  };
}

/** Checks that the numbers of a head fill whole blocks. @returns the end of an error message; undefined without a problem */
export function headProblem(metadata: HeadMetadata, { cacheTypeK, cacheTypeV }: CacheTypes): string | undefined {
  const { attention = {} } = metadata;
  const keys = [attention.key_length ?? headLength(metadata), attention.key_length_swa];
  const values = [attention.value_length ?? headLength(metadata), attention.value_length_swa];
  return partial("--cache-type-k", cacheTypeK, keys) ?? partial("--cache-type-v", cacheTypeV, values);
}

function partial(flag: string, type: CacheType, lengths: readonly (number | undefined)[]): string | undefined {
  if (!isQuantized(type)) return undefined;
  const length = lengths.find((one) => one !== undefined && one % blockSize !== 0);
  if (length === undefined) return undefined;
  return `${flag} ${type}: a head of the model has ${length} numbers, and this type takes a multiple of ${blockSize}`;
}

function headLength({ embedding_length: width, attention }: HeadMetadata): number | undefined {
  const counts = attention?.head_count;
  const heads = Array.isArray(counts) ? Math.max(...(counts as number[])) : (counts as number | undefined);
  return width === undefined || heads === undefined || heads === 0 ? undefined : Math.floor(width / heads);
}
