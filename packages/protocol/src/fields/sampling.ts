// Derives schemas and defaults of the numeric sampling fields from their table.
import { z } from "zod";
import { samplingFields, samplingNames } from "../sampling/sampling-fields.ts";
import type {
  Dialect,
  SamplingField,
  SamplingFields,
  SamplingName,
  SamplingValues,
} from "../sampling/sampling-fields.ts";

const rows: Readonly<Record<SamplingName, SamplingField>> = samplingFields;

/** A seed. Not `z.int()`, whose limit is 2^53, because clients send seeds of 64 bits, and rounding a seed is harmless. */
const WideSeedSchema = z.number().refine(Number.isInteger, "must be an integer").meta({ type: "integer" });

/** The fields on native routes, with their defaults. */
export const nativeSamplingShape = Object.fromEntries(
  samplingNames.map((name) => {
    const { values, describe } = rows[name];
    return [name, described(numberIn(values).default(values.default), describe)];
  }),
) as { [N in SamplingName]: z.ZodDefault<z.ZodNumber> };

type Accepted<D extends Dialect> = {
  [N in SamplingName]: D extends keyof SamplingFields[N]["dialects"] ? N : never;
}[SamplingName];

type SamplingShape<D extends Dialect> = { [N in Accepted<D>]: z.ZodOptional<z.ZodNullable<z.ZodNumber>> };

/** The fields that a dialect accepts. Each may be null. */
export function samplingShapeOf<D extends Dialect>(dialect: D): SamplingShape<D> {
  return Object.fromEntries(
    rowsOf(dialect).map(([name, { values, min = values.min, wide, describe }]) => {
      const any = values.whole === true ? z.int() : z.number();
      const schema = wide === true ? WideSeedSchema : clamps(dialect) ? any : numberIn({ ...values, min });
      return [name, described(schema.nullish(), describe)];
    }),
  ) as SamplingShape<D>;
}

type DefaultIn<D extends Dialect, N extends SamplingName> = SamplingFields[N]["dialects"] extends {
  readonly [K in D]: { readonly default: number };
}
  ? number
  : number | undefined;

/** The sampling fields of a request in a dialect, with the dialect's defaults. A field without a default there is undefined. */
export function samplingIn<D extends Dialect>(
  dialect: D,
  request: { readonly [N in Accepted<D>]?: number | null | undefined },
): { [N in Accepted<D>]: DefaultIn<D, N> } {
  const given: { readonly [N in SamplingName]?: number | null | undefined } = request;
  return Object.fromEntries(
    rowsOf(dialect).map(([name, { values, min = values.min, wide, default: byDefault }]) => {
      const value = given[name] ?? byDefault;
      const isBounded = value !== undefined && wide !== true && clamps(dialect);
      return [name, isBounded ? Math.min(values.max, Math.max(min, value)) : value];
    }),
  ) as { [N in Accepted<D>]: DefaultIn<D, N> };
}

/** Ollama accepts any number; one out of range counts as the nearest in range. */
function clamps(dialect: Dialect): boolean {
  return dialect === "ollama";
}

function rowsOf(dialect: Dialect) {
  return samplingNames.flatMap((name) => {
    const { values, dialects } = rows[name];
    const differences = dialects[dialect];
    return differences === undefined ? [] : [[name, { values, ...differences }] as const];
  });
}

function numberIn({ min, max, whole }: SamplingValues): z.ZodNumber {
  return (whole === true ? z.int() : z.number()).min(min).max(max);
}

function described<T extends z.ZodType>(schema: T, words: string | undefined): T {
  return words === undefined ? schema : schema.describe(words);
}
