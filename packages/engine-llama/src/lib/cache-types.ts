// Owns the types of the KV cache: their names in the library, and which of them a model's attention can be computed with. llama.cpp refuses some
// pairs in its log alone, and ends the process over others, so they are looked at before.
import type { CacheType, FlashAttention } from "@waggle/protocol";

export interface CacheTypes {
  readonly cacheTypeK: CacheType;
  readonly cacheTypeV: CacheType;
}

/** `QK8_0` and its like of ggml-common.h: numbers under one scale, in all the quantized types that a cache may have. */
const blockSize = 32;

/** Its name in `ggml_type`. */
export function typeName<const T extends CacheType>(type: T): Uppercase<T> {
  return type.toUpperCase() as Uppercase<T>;
}

function isQuantized(type: CacheType): boolean {
  return type !== "f32" && type !== "f16" && type !== "bf16";
}

export function flashAttentionOf(
  wanted: { readonly flashAttention?: FlashAttention | undefined; readonly cacheTypeV?: CacheType | undefined },
  supported: boolean,
): { readonly on: boolean; readonly problem?: string } {
  const { flashAttention = "auto", cacheTypeV = "f16" } = wanted;
  const on = flashAttention !== "off" && supported;
  if (flashAttention === "on" && !on)
    return { on, problem: "--flash-attention on: the model cannot be computed with it" };
  if (on || !isQuantized(cacheTypeV)) return { on };
  const reason = flashAttention === "off" ? "--flash-attention is off" : "the model cannot be computed with it";
  return { on, problem: `--cache-type-v ${cacheTypeV}: a quantized V cache needs flash attention, and ${reason}` };
}

/** Of `architectureMetadata`: what says how many numbers a head keeps for a token. */
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

/** A head's numbers have to fill whole blocks. @returns the end of a sentence, or undefined */
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
