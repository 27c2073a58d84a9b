// Owns the proof that no value is valid for two schemas. It never guesses: what it cannot prove is not disjoint.
import { expandConditions, type Condition, type Conjunction } from "./conjunction.ts";
import { lookUpsPerStep, readFixedValues } from "./fixed-values.ts";
import type { Grammar } from "./grammar.ts";
import type { JsonType } from "./keywords.ts";
import { extraConditions, memberNames, propertyConditions, requiredNames } from "./properties.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { has, type SchemaPart } from "./schema-part.ts";
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
  const one = expandConditions(document, a, grammar);
  const other = expandConditions(document, b, grammar);
  if (one.impossible || other.impossible) return true;
  const [left, right] = [one.parts, other.parts];
  grammar.spend(stepsPerComparison);
  if (haveDisjointTypes(left, right, grammar) || haveDisjointValues(left, right, grammar)) return true;
  if (depth === deepestDiscriminator || !areObjects(one, grammar) || !areObjects(other, grammar)) return false;
  const names = new Set([...requiredNames(left, grammar), ...requiredNames(right, grammar)]);
  return [...names].some((name) =>
    areDisjoint(
      document,
      grammar,
      propertyConditions(left, name, grammar),
      propertyConditions(right, name, grammar),
      depth + 1,
    ),
  );
}

/**
 * Whether nothing that is written for the first is valid for the second, although other values would be: its objects have only the members
 * that it declares, and the second requires another one.
 */
export function writesNothingFor(
  document: SchemaDocument,
  grammar: Grammar,
  a: readonly Condition[],
  b: readonly Condition[],
): boolean {
  const one = expandConditions(document, a, grammar);
  const other = expandConditions(document, b, grammar);
  const isClosed =
    one.unions.length === 0 && areObjects(one, grammar) && extraConditions(one.parts, document) === undefined;
  if (!isClosed || one.parts.some((part) => has(part, "patternProperties"))) return false;
  const names = new Set(memberNames(one.parts, grammar));
  return requiredNames(other.parts, grammar).some((name) => !names.has(name));
}

/** Types that both name: one that names none is valid for any, whatever is written for it. */
function haveDisjointTypes(a: readonly SchemaPart[], b: readonly SchemaPart[], grammar: Grammar): boolean {
  const [one, other] = [validTypes(a, grammar), validTypes(b, grammar)];
  return one !== undefined && other !== undefined && commonTypes(one, other).size === 0;
}

function haveDisjointValues(a: readonly SchemaPart[], b: readonly SchemaPart[], grammar: Grammar): boolean {
  const [one, other] = [readFixedValues(a, grammar), readFixedValues(b, grammar)];
  if (one === undefined || other === undefined) return false;
  const [fewer, more] = one.size < other.size ? [one, other] : [other, one];
  grammar.spend(fewer.size / lookUpsPerStep);
  return ![...fewer.keys()].some((key) => more.has(key));
}

/** Whether nothing but objects is written. Without a type, an anyOf that is still to be joined could bring in others. */
function areObjects({ parts, unions }: Conjunction, grammar: Grammar): boolean {
  const types = validTypes(parts, grammar) ?? (unions.length === 0 ? writtenTypes(parts) : undefined);
  return types?.size === 1 && types.has("object");
}

/** The types of valid values, by the letter. */
function validTypes(parts: readonly SchemaPart[], grammar: Grammar): ReadonlySet<JsonType> | undefined {
  const values = readFixedValues(parts, grammar);
  const named = namedTypes(parts);
  if (values === undefined) return named;
  grammar.spend(values.size / lookUpsPerStep);
  const types = new Set(Array.from(values.values(), ({ value }) => typeOfValue(value)));
  return named === undefined ? types : commonTypes(types, named);
}
