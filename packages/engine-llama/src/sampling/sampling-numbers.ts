// Owns a job's numeric sampling fields as samplers get them: under their names in a request.
import { samplingFields, samplingNames } from "@waggle/protocol/sampling";
import type { SamplingField, SamplingName } from "@waggle/protocol/sampling";

export type SamplingNumbers = { readonly [N in Exclude<SamplingName, "seed">]: number };

/** A job's numeric sampling fields, and its biases. */
export interface SamplerConfig extends SamplingNumbers {
  readonly tokenBiasKeys?: Uint32Array;
  readonly tokenBiasValues?: Float32Array;
}

/** All fields but the seed, which differs for each token. */
const names = samplingNames.filter((name) => name !== "seed");

export function samplingNumbers(numberFor: (name: keyof SamplingNumbers) => number): SamplingNumbers {
  return Object.fromEntries(names.map((name) => [name, numberFor(name)])) as SamplingNumbers;
}

/** Settings without any effect. */
export const withoutEffect = samplingNumbers((name) => offOf(name) ?? samplingFields[name].values.default);

/** The fields that have an effect. Fields that only shape another field's effect are left out. */
export function effectiveFields(sampling: SamplingNumbers): readonly (keyof SamplingNumbers)[] {
  return names.filter((name) => offOf(name) !== undefined && sampling[name] !== offOf(name));
}

function offOf(name: SamplingName): number | undefined {
  const { values }: SamplingField = samplingFields[name];
  return values.off;
}
