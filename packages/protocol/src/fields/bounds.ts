// Owns the bounds of a number, a text or a list: reads them from its schema, and says them in words.
import type { z } from "zod";

interface Bound {
  readonly value: number;
  readonly words: "at least" | "more than" | "at most" | "less than";
}

export interface Bounds {
  readonly min?: Bound;
  readonly max?: Bound;
  readonly integer?: true;
}

/** The tightest bounds of the schema: of a number's value, or of the number of characters or items. */
export function boundsOf(schema: z.core.$ZodType | undefined): Bounds {
  if (schema === undefined) return {};
  const own = schema._zod.traits.has("$ZodCheck") ? [schema as unknown as z.core.$ZodCheck<never>] : [];
  return [...own, ...(schema._zod.def.checks ?? [])].reduce<Bounds>((bounds, check) => {
    const { min, max, ...integer } = boundsOfCheck(check as unknown as z.core.$ZodChecks);
    return { ...bounds, ...integer, ...tighter("min", bounds.min, min), ...tighter("max", bounds.max, max) };
  }, {});
}

function boundsOfCheck(check: z.core.$ZodChecks): Bounds {
  const { def } = check._zod;
  switch (def.check) {
    case "greater_than":
      return { min: { value: Number(def.value), words: def.inclusive ? "at least" : "more than" } };
    case "less_than":
      return { max: { value: Number(def.value), words: def.inclusive ? "at most" : "less than" } };
    case "min_length":
      return { min: { value: def.minimum, words: "at least" } };
    case "max_length":
      return { max: { value: def.maximum, words: "at most" } };
    case "number_format":
      // The bounds of a safe integer are left out, because they say nothing to a person.
      return def.format.includes("int") ? { integer: true } : {};
    default:
      return {};
  }
}

function tighter(end: "min" | "max", before: Bound | undefined, next: Bound | undefined): Bounds {
  if (next === undefined) return {};
  const sign = end === "min" ? 1 : -1;
  const loose = before !== undefined && sign * (next.value - before.value) < 0;
  return loose ? {} : { [end]: next };
}

/** `from 0 to 2` with two bounds that are valid values; otherwise undefined. */
export function rangeWords({ min, max }: Bounds): string | undefined {
  return min?.words === "at least" && max?.words === "at most" ? `from ${min.value} to ${max.value}` : undefined;
}

/** `more than 0 and at most 1`; empty without bounds. */
export function boundWords({ min, max }: Bounds): string {
  return [min, max].flatMap((bound) => (bound === undefined ? [] : `${bound.words} ${bound.value}`)).join(" and ");
}
