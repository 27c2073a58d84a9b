// Reads llama-server's `samplers`: samplers that are not listed are off.
import type { Sampling } from "@waggle/protocol";

/** All samplers in the order in which they run: name, letter, and the settings that turn the sampler off. */
const all = [
  ["penalties", "e", { repeat_penalty: 1, presence_penalty: 0, frequency_penalty: 0 }],
  ["dry", "d", { dry_multiplier: 0 }],
  ["top_k", "k", { top_k: 0 }],
  ["top_p", "p", { top_p: 1 }],
  ["min_p", "m", { min_p: 0 }],
  ["xtc", "x", { xtc_probability: 0 }],
  ["infill", "i", {}],
  ["temperature", "t", { temperature: 1 }],
] as const satisfies readonly (readonly [string, string, Partial<Sampling>])[];

export interface ChosenSamplers {
  /** Settings that turn off the samplers that are not listed. */
  readonly off: Partial<Sampling>;
  /** The samplers that run, in order. */
  readonly chain: readonly string[];
}

/** @param wanted names, or a string with one letter per sampler; undefined: all but infill. Unknown samplers are ignored */
export function samplersOf(wanted: string | readonly string[] | null | undefined): ChosenSamplers {
  if (wanted == null) return { off: {}, chain: all.map(([name]) => name).filter((name) => name !== "infill") };
  const given = new Set(
    typeof wanted === "string" ? wanted : wanted.map((name) => name.toLowerCase().replaceAll("-", "_")),
  );
  const isNamed = ([name, letter]: (typeof all)[number]): boolean =>
    given.has(typeof wanted === "string" ? letter : name);
  const off: Partial<Sampling> = {};
  for (const sampler of all) if (!isNamed(sampler)) Object.assign(off, sampler[2]);
  return { off, chain: all.filter(isNamed).map(([name]) => name) };
}
