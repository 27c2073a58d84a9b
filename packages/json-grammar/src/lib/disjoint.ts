// Owns the proof that no value is valid for two schemas. It never guesses: what it cannot prove is not disjoint.
import { expandConditions, type Condition, type Conjunction } from "./conjunction.ts";
import { equalityKey, readFixedValues } from "./fixed-values.ts";
import type { Grammar } from "./grammar.ts";
import type { JsonType } from "./keywords.ts";
import type { GrammarLimits } from "./limits.ts";
import { propertyConditions, requiredNames } from "./properties.ts";
import type { SchemaDocument } from "./schema-document.ts";
import type { SchemaPart } from "./schema-part.ts";
import { commonTypes, namedTypes, typeOfValue, writtenTypes } from "./types.ts";

/** How deep a property may lie that tells two objects apart. */
const deepestDiscriminator = 4;

/** What one comparison may cost, in the steps that are counted. */
const stepsPerComparison = 50;

/**
 * Whether nothing that a grammar writes for one of them is valid for the other: by their types, by their fixed values, or by a property
 * for which the same holds and that one of them requires: the other's objects lack it, or have it with a value that does not fit.
 */
export function areDisjoint(
  document: SchemaDocument,
  grammar: Grammar,
  a: readonly Condition[],
  b: readonly Condition[],
  depth = 0,
): boolean {
  const { limits } = grammar;
  const one = expandConditions(document, a, limits);
  const other = expandConditions(document, b, limits);
  if (one.impossible || other.impossible) return true;
  const [left, right] = [one.parts, other.parts];
  grammar.spend(stepsPerComparison);
  if (haveDisjointTypes(left, right, limits) || haveDisjointValues(left, right, limits)) return true;
  if (depth === deepestDiscriminator || !areObjects(one, limits) || !areObjects(other, limits)) return false;
  const names = new Set([...requiredNames(left, limits), ...requiredNames(right, limits)]);
  return [...names].some((name) =>
    areDisjoint(document, grammar, propertyConditions(left, name), propertyConditions(right, name), depth + 1),
  );
}

/** Types that both name: one that names none is valid for any, whatever is written for it. */
function haveDisjointTypes(a: readonly SchemaPart[], b: readonly SchemaPart[], limits: GrammarLimits): boolean {
  const [one, other] = [validTypes(a, limits), validTypes(b, limits)];
  return one !== undefined && other !== undefined && commonTypes(one, other).size === 0;
}

function haveDisjointValues(a: readonly SchemaPart[], b: readonly SchemaPart[], limits: GrammarLimits): boolean {
  const [one, other] = [readFixedValues(a, limits), readFixedValues(b, limits)];
  if (one === undefined || other === undefined) return false;
  const keys = new Set(one.map(({ value }) => equalityKey(value)));
  return !other.some(({ value }) => keys.has(equalityKey(value)));
}

/** Whether nothing but objects is written. Without a type, an anyOf that is still to be joined could bring in others. */
function areObjects({ parts, unions }: Conjunction, limits: GrammarLimits): boolean {
  const types = validTypes(parts, limits) ?? (unions.length === 0 ? writtenTypes(parts) : undefined);
  return types?.size === 1 && types.has("object");
}

/** The types of valid values, by the letter. */
function validTypes(parts: readonly SchemaPart[], limits: GrammarLimits): ReadonlySet<JsonType> | undefined {
  const values = readFixedValues(parts, limits);
  const named = namedTypes(parts);
  if (values === undefined) return named;
  const types = new Set(values.map(({ value }) => typeOfValue(value)));
  return named === undefined ? types : commonTypes(types, named);
}
