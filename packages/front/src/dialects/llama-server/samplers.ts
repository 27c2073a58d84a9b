// Owns which samplers a request of llama-server's names: the others are off, as there.
import type { Sampling } from "@waggle/protocol";

/** Those that there are, in the order in which they run, each with its letter and what turns it off. */
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
  /** The settings that turn off the samplers that are not named. */
  readonly off: Partial<Sampling>;
  /** The samplers that run, in their order. */
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
