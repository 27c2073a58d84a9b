// Decides which models' contexts can be shifted. llama.cpp ends the process if it cannot shift, and the library has no check. So every model that is
// not known to work is rejected.
import type { CacheType } from "@waggle/protocol";
import type { GgufFileInfo } from "node-llama-cpp";

/** The fields of `LlamaModel.fileInsights` that the check reads. */
export interface MemoryKind {
  readonly isRecurrent: boolean;
  readonly isHybrid: boolean;
  readonly swaSize: number | undefined;
}

/** llama.cpp cannot shift KV caches of these architectures (v0.5.0, `get_can_shift`). */
const unshiftableArchitectures = ["step35", "deepseek4"];

/** Types of the K cache. Other types end the process: bf16 cannot be rotated in place, and quantized types only with heads of some sizes (v0.5.0). */
const shiftableTypes: readonly CacheType[] = ["f16", "f32"];

/** @returns why this model's context cannot be shifted, as the end of an error message; undefined if it can */
export function shiftProblem(
  { metadata, architectureMetadata }: Pick<GgufFileInfo, "metadata" | "architectureMetadata">,
  { isRecurrent, isHybrid, swaSize }: MemoryKind,
  cacheTypeK: CacheType = "f16",
): string | undefined {
  const { architecture } = metadata.general;
  // Tokens with several positions (M-RoPE) cannot be moved by a single number.
  const manyPositions = Object.hasOwn(architectureMetadata.rope ?? {}, "dimension_sections");
  const cannotMove = manyPositions || unshiftableArchitectures.includes(architecture);
  if (cannotMove) return `a context of architecture ${architecture} cannot be shifted`;
  // A recurrent state has no cells to keep: the whole context would have to be computed again, while all streams wait.
  if (isRecurrent || isHybrid) return "a recurrent model's context cannot be shifted";
  if (swaSize !== undefined) return "the context of a model with sliding windows cannot be shifted";
  if (!shiftableTypes.includes(cacheTypeK)) return `a context whose K cache is ${cacheTypeK} cannot be shifted`;
  return undefined;
}
