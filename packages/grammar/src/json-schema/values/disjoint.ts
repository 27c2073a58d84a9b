// Proves that no value is valid for both of two schemas. Without a proof, the schemas count as overlapping.
import { expandConditions, type Condition, type Conjunction } from "../conjunction.ts";
import { lookUpsPerStep, readFixedValues } from "./fixed-values.ts";
import type { Grammar } from "../../rules/grammar.ts";
import type { JsonType } from "../keywords.ts";
import { extraConditions, memberNames, propertyConditions, requiredNames } from "../objects/properties.ts";
import type { SchemaDocument } from "../schema-document.ts";
import { has, type SchemaPart } from "../schema-part.ts";
import { commonTypes, namedTypes, typeOfValue, writtenTypes } from "../types.ts";

/** Limit for the nesting depth of a property that distinguishes two objects. */
const deepestDiscriminator = 4;

/** Cost limit of one comparison, in counted steps. */
const stepsPerComparison = 50;

/**
 * Whether no value that a grammar writes for one schema is valid for the other. The types, the fixed values, or a property can prove this: one schema
 * requires the property, and in the other schema's objects the property is missing or has a value that does not fit.
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
 * Whether no value that the grammar writes for the first schema is valid for the second, because the second requires a member that the first does not
 * declare. Other values may be valid for both schemas, but the grammar writes only declared members.
 */
export function writesNothingFor(
  document: SchemaDocument,
  grammar: Grammar,
  a: readonly Condition[],
  b: readonly Condition[],
): boolean {
  const one = expandConditions(document, a, grammar);
  const other = expandConditions(document, b, grammar);
  const isClosed = one.unions.length === 0 && areObjects(one, grammar) && extraConditions(one.parts) === undefined;
  if (!isClosed || one.parts.some((part) => has(part, "patternProperties"))) return false;
  const names = new Set(memberNames(one.parts, grammar));
  return requiredNames(other.parts, grammar).some((name) => !names.has(name));
}

/**
 * A further condition on the first schema, so that no value that the grammar then writes is valid for the second; undefined if there is no such
 * condition on one member: the first schema requires a member whose values do not fit the second, or forbids a member that the second requires.
 */
export function separatingSchema(
  document: SchemaDocument,
  grammar: Grammar,
  a: readonly Condition[],
  b: readonly Condition[],
): Readonly<Record<string, unknown>> | undefined {
  const one = expandConditions(document, a, grammar);
  const other = expandConditions(document, b, grammar);
  if (!areObjects(one, grammar)) return undefined;
  const kind = memberNames(one.parts, grammar).find((name) =>
    areDisjoint(
      document,
      grammar,
      propertyConditions(one.parts, name, grammar),
      propertyConditions(other.parts, name, grammar),
      deepestDiscriminator,
    ),
  );
  if (kind !== undefined) return { required: [kind] };
  const required = new Set(requiredNames(one.parts, grammar));
  const absent = requiredNames(other.parts, grammar).find((name) => !required.has(name));
  return absent === undefined ? undefined : { properties: { [absent]: false } };
}

/** Whether both schemas name types, but no common type. Values of any type are valid for a schema without `type`. */
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

/** Whether the grammar writes only objects. Without a named type, an anyOf that is not split yet could add other types. */
function areObjects({ parts, unions }: Conjunction, grammar: Grammar): boolean {
  const types = validTypes(parts, grammar) ?? (unions.length === 0 ? writtenTypes(parts) : undefined);
  return types?.size === 1 && types.has("object");
}

/** The types of valid values, strictly by the standard. */
function validTypes(parts: readonly SchemaPart[], grammar: Grammar): ReadonlySet<JsonType> | undefined {
  const values = readFixedValues(parts, grammar);
  const named = namedTypes(parts);
  if (values === undefined) return named;
  grammar.spend(values.size / lookUpsPerStep);
  const types = new Set(Array.from(values.values(), ({ value }) => typeOfValue(value)));
  return named === undefined ? types : commonTypes(types, named);
}
