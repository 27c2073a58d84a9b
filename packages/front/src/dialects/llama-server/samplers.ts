// Reads llama-server's `samplers`: samplers that are not listed are off.
import type { Sampling } from "@waggle/protocol";
import { samplers, samplingFields } from "@waggle/protocol/sampling";

export interface ChosenSamplers {
  /** Settings that turn off the samplers that are not listed. */
  readonly off: Partial<Sampling>;
  /** The samplers that run, in order. */
  readonly chain: readonly string[];
}

/** @param wanted names, or a string with one letter per sampler; undefined: all but infill. Unknown samplers are ignored */
export function samplersOf(wanted: string | readonly string[] | null | undefined): ChosenSamplers {
  if (wanted == null) return { off: {}, chain: samplers.map(({ name }) => name).filter((name) => name !== "infill") };
  const given = new Set(
    typeof wanted === "string" ? wanted : wanted.map((name) => name.toLowerCase().replaceAll("-", "_")),
  );
  const isNamed = ({ name, letter }: (typeof samplers)[number]): boolean =>
    given.has(typeof wanted === "string" ? letter : name);
  const offFields = samplers.filter((sampler) => !isNamed(sampler)).flatMap(({ fields }) => fields);
  return {
    off: Object.fromEntries(offFields.map((name) => [name, samplingFields[name].values.off])),
    chain: samplers.filter(isNamed).map(({ name }) => name),
  };
}
