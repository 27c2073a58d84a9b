// Checks whether a fixed value (of enum or const) fulfils the other keywords of its schema.
import type { CompileContext } from "../compile-context.ts";
import type { Condition } from "../conjunction.ts";
import { conditionsAt } from "../arrays/positions.ts";
import { equalityKey, readFixedValues } from "./fixed-values.ts";
import { numberFilter, readNumberConstraints } from "../numbers/numbers.ts";
import { propertyConditions, requiredNames, schemaAt } from "../objects/properties.ts";
import { countOf, has, isRecord, type SchemaPart } from "../schema-part.ts";
import { readStringConstraints, stringFilter } from "../strings/strings.ts";
import { commonTypes, namedTypes, typeOfValue } from "../types.ts";
import { alternativeParts } from "../unions.ts";

/** Checking one value counts as this many steps of `GrammarLimits.steps`. */
const stepsPerValue = 5;

/** Checks strictly by the standard: values that no keyword restricts are allowed. @throws UnsupportedSchemaError for unsupported keywords */
function fitsConditions(context: CompileContext, value: unknown, conditions: readonly Condition[]): boolean {
  for (const parts of alternativeParts(context, conditions, stepsPerValue)) {
    if (fitsParts(context, value, parts)) return true;
  }
  return false;
}

function fitsParts(context: CompileContext, value: unknown, parts: readonly SchemaPart[]): boolean {
  const { grammar } = context;
  const values = readFixedValues(parts, grammar);
  if (values !== undefined && !values.has(equalityKey(value))) return false;
  const types = namedTypes(parts);
  if (types !== undefined && commonTypes(types, new Set([typeOfValue(value)])).size === 0) return false;
  if (typeof value === "string") return stringFilter(grammar, readStringConstraints(parts, grammar.limits))(value);
  if (typeof value === "number") return numberFilter(readNumberConstraints(parts, false))(value);
  return fitsKeywords(context, value, parts);
}

/** Whether an object or an array fulfils the keywords for its type. */
export function fitsKeywords(context: CompileContext, value: unknown, parts: readonly SchemaPart[]): boolean {
  if (Array.isArray(value)) return fitsArray(context, value, parts);
  return !isRecord(value) || fitsObject(context, value, parts);
}

function fitsObject(
  context: CompileContext,
  value: Readonly<Record<string, unknown>>,
  parts: readonly SchemaPart[],
): boolean {
  const { grammar } = context;
  const names = Object.keys(value);
  const isWithin = parts.every((part) => isCount(part, names.length, "minProperties", "maxProperties", grammar.limits));
  if (!isWithin || !requiredNames(parts, grammar).every((name) => Object.hasOwn(value, name))) return false;
  const allowed = parts.flatMap((part) => (has(part, "propertyNames") ? [schemaAt(part, "propertyNames")] : []));
  if (allowed.length > 0 && !names.every((name) => fitsConditions(context, name, allowed))) return false;
  return names.every((name) => fitsConditions(context, value[name], propertyConditions(parts, name, grammar)));
}

function fitsArray(context: CompileContext, value: readonly unknown[], parts: readonly SchemaPart[]): boolean {
  const { limits } = context.grammar;
  return parts.every((part) => {
    if (!isCount(part, value.length, "minItems", "maxItems", limits)) return false;
    if (has(part, "contains") && !value.some((item) => fitsConditions(context, item, [schemaAt(part, "contains")])))
      return false;
    return value.every((item, index) => fitsConditions(context, item, conditionsAt(context, part, index)));
  });
}

function isCount(
  part: SchemaPart,
  count: number,
  least: string,
  most: string,
  { repetitions }: { readonly repetitions: number },
): boolean {
  return count >= (countOf(part, least, repetitions) ?? 0) && count <= (countOf(part, most, Infinity) ?? Infinity);
}
