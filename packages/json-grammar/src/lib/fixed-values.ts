// Owns enum and const: which values they leave, and how those are written.
import { hasExactNumbers } from "./exact-numbers.ts";
import type { Grammar } from "./grammar.ts";
import { constrains } from "./keywords.ts";
import type { GrammarLimits } from "./limits.ts";
import { numberFilter, readNumberConstraints } from "./numbers.ts";
import { has, isRecord, listOf, refuse, valueOf, type SchemaPart } from "./schema-part.ts";
import { readStringConstraints, stringFilter } from "./strings.ts";
import { commonTypes, namedTypes, typeOfValue } from "./types.ts";

/** A value that the schema names, and its two spellings. */
export interface FixedValue {
  readonly value: unknown;
  /** As JSON.stringify writes it. */
  readonly json: string;
  /** Where it was named, for an error. */
  readonly part: SchemaPart;
  readonly keyword: "enum" | "const";
}

/** The values that every enum and const of the parts names, in the order of the first; undefined when there is none. */
export function readFixedValues(
  parts: readonly SchemaPart[],
  limits: GrammarLimits,
): readonly FixedValue[] | undefined {
  const lists = parts.flatMap((part) => [
    ...(has(part, "const") ? [[fixedValue(part, "const", valueOf(part, "const"), limits)]] : []),
    ...(has(part, "enum") ? [enumValues(part, limits)] : []),
  ]);
  const [first, ...others] = lists.map((list) => new Map(list.map((entry) => [equalityKey(entry.value), entry])));
  if (first === undefined) return undefined;
  return [...first].flatMap(([key, entry]) => (others.every((other) => other.has(key)) ? [entry] : []));
}

/** Tells whether a value fulfils the other keywords of the parts. @throws UnsupportedSchemaError for an object or array that has any */
export function fixedValueFilter(grammar: Grammar, parts: readonly SchemaPart[]): (entry: FixedValue) => boolean {
  const types = namedTypes(parts);
  const fitsString = stringFilter(grammar, readStringConstraints(parts, grammar.limits));
  const fitsNumber = numberFilter(readNumberConstraints(parts, false));
  return ({ value, part, keyword }) => {
    const type = typeOfValue(value);
    if (types !== undefined && commonTypes(types, new Set([type])).size === 0) return false;
    if (typeof value === "string") return fitsString(value);
    if (typeof value === "number") return fitsNumber(value);
    if ((type === "object" || type === "array") && parts.some((other) => constrains(other, type))) {
      throw refuse(part, keyword, `names an ${type} beside keywords for it, which is not supported`);
    }
    return true;
  };
}

function enumValues(part: SchemaPart, limits: GrammarLimits): readonly FixedValue[] {
  const values = listOf(part, "enum", limits.alternatives) ?? [];
  return values.map((value) => fixedValue(part, "enum", value, limits));
}

function fixedValue(
  part: SchemaPart,
  keyword: FixedValue["keyword"],
  value: unknown,
  limits: GrammarLimits,
): FixedValue {
  if (depthOf(value, limits.schemaDepth) > limits.schemaDepth) {
    throw refuse(part, keyword, `names a value more than ${limits.schemaDepth} deep`);
  }
  if (!hasExactNumbers(value)) throw refuse(part, keyword, "names a number that a double cannot hold exactly");
  return { value, json: JSON.stringify(value), part, keyword };
}

/** Stops counting one past `deepest`. */
function depthOf(value: unknown, deepest: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (deepest === 0) return 1;
  return 1 + Object.values(value).reduce<number>((depth, item) => Math.max(depth, depthOf(item, deepest - 1)), 0);
}

/** Equal for values that JSON Schema holds equal: the order of members does not count. */
export function equalityKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(equalityKey).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const members = Object.keys(value).toSorted();
  return `{${members.map((name) => `${JSON.stringify(name)}:${equalityKey(value[name])}`).join(",")}}`;
}
