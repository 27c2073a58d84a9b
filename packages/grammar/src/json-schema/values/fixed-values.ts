// Finds the values that enum and const allow, and their texts.
import { valueTexts } from "./json-text.ts";
import { hasExactNumbers } from "../numbers/exact-numbers.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { constrains } from "../keywords.ts";
import { numberFilter, readNumberConstraints } from "../numbers/numbers.ts";
import { has, isRecord, keywordList, refuse, keywordValue, type SchemaPart } from "../schema-part.ts";
import { readStringConstraints, stringFilter } from "../strings/strings.ts";
import { commonTypes, namedTypes, typeOfValue } from "../types.ts";

/** A value that the schema names, and its texts. */
export interface FixedValue {
  readonly value: unknown;
  /** Texts of the value in the grammar's notation, the preferred text first; empty if the notation cannot express the value. */
  readonly texts: readonly string[];
  /** The part that names the value, for error messages. */
  readonly part: SchemaPart;
  readonly keyword: "enum" | "const";
}

/** Fixed values by `equalityKey`. */
export type FixedValues = ReadonlyMap<string, FixedValue>;

/** This many looked-up values count as one step of `GrammarLimits.steps`. */
export const lookUpsPerStep = 10;
/** This many characters of a value count as one step of `GrammarLimits.steps`. */
const charsPerStep = 16;

/** The values that every enum and const of the parts allows, in the order of the first; undefined if the parts have no enum and no const. */
export function readFixedValues(parts: readonly SchemaPart[], grammar: Grammar): FixedValues | undefined {
  const [first, ...others] = parts.flatMap((part) => [
    ...(has(part, "const") ? [knownValues(part, "const", grammar)] : []),
    ...(has(part, "enum") ? [knownValues(part, "enum", grammar)] : []),
  ]);
  if (first === undefined || others.length === 0) return first;
  grammar.spend((first.size * others.length) / lookUpsPerStep);
  return new Map([...first].filter(([key]) => others.every((other) => other.has(key))));
}

/**
 * Returns a function that checks whether a value fulfils the other keywords of the parts.
 * @param fits checks objects and arrays, if the parts have keywords for objects or arrays
 */
export function fixedValueFilter(
  grammar: Grammar,
  parts: readonly SchemaPart[],
  fits?: (value: unknown, parts: readonly SchemaPart[]) => boolean,
): (entry: FixedValue) => boolean {
  const types = namedTypes(parts);
  const fitsString = stringFilter(grammar, readStringConstraints(parts, grammar.limits));
  const fitsNumber = numberFilter(readNumberConstraints(parts, false));
  return ({ value, part, keyword }) => {
    const type = typeOfValue(value);
    if (types !== undefined && commonTypes(types, new Set([type])).size === 0) return false;
    if (typeof value === "string") return fitsString(value);
    if (typeof value === "number") return fitsNumber(value);
    if ((type === "object" || type === "array") && parts.some((other) => constrains(other, type))) {
      if (fits !== undefined) return fits(value, parts);
      throw refuse(part, keyword, `names an ${type} together with keywords for it, which is not supported`);
    }
    return true;
  };
}

/** Cache of fixed values, by grammar and by the list or object in the schema, since the same values are compared many times. */
const known = new WeakMap<Grammar, Map<unknown, FixedValues>>();

function knownValues(part: SchemaPart, keyword: FixedValue["keyword"], grammar: Grammar): FixedValues {
  const cache = known.get(grammar) ?? new Map<unknown, FixedValues>();
  known.set(grammar, cache);
  const written = keywordValue(part, keyword);
  const values = cache.get(written) ?? listedValues(part, keyword, grammar);
  if (typeof written === "object") cache.set(written, values);
  return values;
}

function listedValues(part: SchemaPart, keyword: FixedValue["keyword"], grammar: Grammar): FixedValues {
  const { limits, spend } = grammar;
  const values =
    keyword === "const" ? [keywordValue(part, "const")] : (keywordList(part, "enum", limits.alternatives) ?? []);
  return new Map(
    values.map((value) => {
      const entry = fixedValue(part, keyword, value, grammar);
      spend(1 + entry.texts.join("").length / charsPerStep);
      return [equalityKey(value), entry];
    }),
  );
}

function fixedValue(
  part: SchemaPart,
  keyword: FixedValue["keyword"],
  value: unknown,
  { limits, notation }: Grammar,
): FixedValue {
  if (depthOf(value, limits.schemaDepth) > limits.schemaDepth) {
    throw refuse(part, keyword, `names a value more than ${limits.schemaDepth} deep`);
  }
  if (!hasExactNumbers(value)) throw refuse(part, keyword, "names a number that a double cannot hold exactly");
  return { value, texts: valueTexts(value, notation), part, keyword };
}

/** The number of levels of a value; stops counting at `deepest` + 1. */
function depthOf(value: unknown, deepest: number): number {
  if (typeof value !== "object" || value === null) return 0;
  if (deepest === 0) return 1;
  return 1 + Object.values(value).reduce<number>((depth, item) => Math.max(depth, depthOf(item, deepest - 1)), 0);
}

/** A key that is equal for values that are equal in JSON Schema, where the order of members does not count. */
export function equalityKey(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(equalityKey).join(",")}]`;
  if (!isRecord(value)) return JSON.stringify(value);
  const members = Object.keys(value).toSorted();
  return `{${members.map((name) => `${JSON.stringify(name)}:${equalityKey(value[name])}`).join(",")}}`;
}
