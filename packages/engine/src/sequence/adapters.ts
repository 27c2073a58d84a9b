// Reads a job's choice of LoRA adapters.
import { WaggleError } from "@waggle/protocol";
import type { LoraAdapter, LoraChoice } from "@waggle/protocol";

/**
 * @returns a scale for each adapter, or undefined where all scales equal those at load
 * @throws WaggleError invalid_argument when the model has no such adapter
 */
export function adaptersOf(
  chosen: LoraChoice | undefined,
  loaded: readonly LoraAdapter[],
): readonly number[] | undefined {
  if (chosen === undefined) return undefined;
  const scales = loaded.map(() => 0);
  for (const { id, scale } of chosen) {
    if (id >= loaded.length) throw unknownAdapter(id, loaded.length);
    scales[id] = scale;
  }
  return scales.every((scale, id) => scale === loaded[id]?.scale) ? undefined : scales;
}

function unknownAdapter(id: number, count: number): WaggleError {
  const has = count === 0 ? "the model has no adapters" : `the model has ${count}, from 0`;
  return new WaggleError("invalid_argument", `Cannot accept field "lora": there is no adapter ${id}; ${has}.`, {
    details: { problems: [{ field: "lora", problem: `no adapter ${id}` }] },
  });
}
