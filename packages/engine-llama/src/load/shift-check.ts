// Decides which models' contexts can be shifted. llama.cpp ends the whole process when it cannot shift, and the library
// has no check, so every model that is not certain to work is refused.
import type { CacheType } from "@waggle/protocol";
import type { GgufFileInfo } from "node-llama-cpp";

/** The relevant fields of `LlamaModel.fileInsights`. */
export interface MemoryKind {
  readonly isRecurrent: boolean;
  readonly isHybrid: boolean;
  readonly swaSize: number | undefined;
}

/** llama.cpp refuses to shift their KV caches (v0.5.0, `get_can_shift`). */
const unshiftableArchitectures = ["step35", "deepseek4"];

/**
 * The other types end the process: bf16 cannot be rotated in place, and quantized types are rotated by a matrix that heads
 * of some sizes lack (v0.5.0).
 */
const shiftableTypes: readonly CacheType[] = ["f16", "f32"];

/** Why a context of this model cannot be shifted, as the end of a sentence; undefined when it can. */
export function shiftProblem(
  { metadata, architectureMetadata }: Pick<GgufFileInfo, "metadata" | "architectureMetadata">,
  { isRecurrent, isHybrid, swaSize }: MemoryKind,
  cacheTypeK: CacheType = "f16",
): string | undefined {
  const { architecture } = metadata.general;
  // Where a token has several positions, moving the token by one number is undefined.
  const manyPositions = Object.hasOwn(architectureMetadata.rope ?? {}, "dimension_sections");
  const cannotMove = manyPositions || unshiftableArchitectures.includes(architecture);
  if (cannotMove) return `a context of architecture ${architecture} cannot be shifted`;
  // A recurrent state has no cells for a shift to keep, so the whole context would be computed again in one piece while all streams wait.
  if (isRecurrent || isHybrid) return "a recurrent model's context cannot be shifted";
  if (swaSize !== undefined) return "the context of a model with sliding windows cannot be shifted";
  if (!shiftableTypes.includes(cacheTypeK)) return `a context whose K cache is ${cacheTypeK} cannot be shifted`;
  return undefined;
}
