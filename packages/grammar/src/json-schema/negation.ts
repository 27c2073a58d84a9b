// Negates a schema: derives a schema that allows only values that the original forbids. Decision 070.
import { derive, isRecord } from "./schema-part.ts";
import { jsonTypes } from "./keywords.ts";

type Schema = Readonly<Record<string, unknown>>;

export interface Negation {
  /** A schema that shares no valid value with the original. */
  readonly schema: Schema | boolean;
  /** Whether every value that the original forbids is valid for `schema`. */
  readonly complete: boolean;
}

/** Limit for the levels and references of a schema that is negated. */
const deepest = 12;

const whole: Negation = { schema: true, complete: true };
const nothing: Negation = { schema: false, complete: true };
/** The result for schemas that cannot be negated: `false` allows no value, so the grammar stays correct. */
const unknown: Negation = { schema: false, complete: false };

/** @param follow returns the schema that a $ref points to, or undefined for an unknown $ref */
export function negate(schema: unknown, follow: (ref: unknown) => unknown, depth = 0): Negation {
  if (typeof schema === "boolean") return schema ? nothing : whole;
  if (!isRecord(schema) || depth > deepest) return unknown;
  const again = (inner: unknown): Negation => negate(inner, follow, depth + 1);
  const options = Object.keys(schema).flatMap((keyword) => negateKeyword(schema, keyword, follow, again));
  return oneOfThese(options);
}

function oneOfThese(options: readonly Negation[]): Negation {
  const possible = options.flatMap(({ schema }) => (schema === false ? [] : [schema]));
  const complete = options.every((option) => option.complete);
  const [only] = possible;
  if (only === undefined) return { schema: false, complete };
  return { schema: possible.length === 1 ? only : derive({ anyOf: possible }), complete };
}

function allOfThese(items: readonly Negation[]): Negation {
  if (items.some(({ schema }) => schema === false)) {
    return { schema: false, complete: items.some(({ schema, complete }) => schema === false && complete) };
  }
  return {
    schema: derive({ allOf: items.map(({ schema }) => schema) }),
    complete: items.every((item) => item.complete),
  };
}

/** Adds the type. Values of other types fulfil the keyword, so the negation of the keyword allows only values of this type. */
function only(type: string, schema: Schema): Negation {
  return { schema: derive({ type, ...schema }), complete: true };
}

function negateKeyword(
  schema: Schema,
  keyword: string,
  follow: (ref: unknown) => unknown,
  again: (inner: unknown) => Negation,
): readonly Negation[] {
  const value = schema[keyword];
  const count = typeof value === "number" ? value : Number.NaN;
  switch (keyword) {
    case "type":
      return [otherTypes(value)];
    case "const":
      return [otherValues([value])];
    case "enum":
      return [Array.isArray(value) ? otherValues(value) : unknown];
    case "minimum":
      return [only("number", schema["exclusiveMinimum"] === true ? { maximum: value } : { exclusiveMaximum: value })];
    case "maximum":
      return [only("number", schema["exclusiveMaximum"] === true ? { minimum: value } : { exclusiveMinimum: value })];
    case "exclusiveMinimum":
      return typeof value === "number" ? [only("number", { maximum: value })] : [];
    case "exclusiveMaximum":
      return typeof value === "number" ? [only("number", { minimum: value })] : [];
    case "multipleOf":
      return [only("number", { "~notMultipleOf": value })];
    case "minLength":
      return count > 0 ? [only("string", { maxLength: count - 1 })] : [];
    case "maxLength":
      return [only("string", { minLength: count + 1 })];
    case "pattern":
      return [only("string", { "~notPattern": value })];
    case "format":
      return [only("string", { "~notFormat": value })];
    case "minItems":
      return count > 0 ? [only("array", { maxItems: count - 1 })] : [];
    case "maxItems":
      return [only("array", { minItems: count + 1 })];
    case "minProperties":
      return count > 0 ? [only("object", { maxProperties: count - 1 })] : [];
    case "maxProperties":
      return [only("object", { minProperties: count + 1 })];
    case "required":
      return Array.isArray(value) ? value.map((name) => only("object", { "~absent": [name] })) : [];
    case "properties":
      return entriesOf(value).map(([name, inner]) =>
        withNegated(again(inner), (negated) => ({ type: "object", properties: { [name]: negated }, required: [name] })),
      );
    case "additionalProperties":
      return [isAnything(value) ? nothing : beyond(schema, again(value))];
    case "items":
      if (Array.isArray(value) || Object.hasOwn(schema, "prefixItems")) return [unknown];
      return [withNegated(again(value), (contains) => ({ type: "array", contains }))];
    case "contains":
      return [allItems(schema, again(value))];
    case "propertyNames":
      if (isAnything(value) || isType(value, "string")) return [nothing];
      return [withNegated(again(value), (name) => ({ type: "object", "~name": name, "~value": true }))];
    case "patternProperties":
      return entriesOf(value).map(([pattern, inner]) => {
        const name = derive({ type: "string", pattern });
        return withNegated(again(inner), (negated) => ({ type: "object", "~name": name, "~value": negated }));
      });
    case "uniqueItems":
      return value === true ? [unknown] : [];
    case "dependentRequired":
    case "dependentSchemas":
    case "dependencies":
      return entriesOf(value).map(([name, needed]) => dependency(name, needed, again));
    case "not":
      return [{ schema: isRecord(value) || typeof value === "boolean" ? value : false, complete: true }];
    case "allOf":
      return Array.isArray(value) ? value.map(again) : [unknown];
    case "anyOf":
    case "oneOf":
      // A negated `oneOf` also allows values that fit two of the options. Leave these values out: a schema is rarely meant to allow them.
      return [Array.isArray(value) ? allOfThese(value.map(again)) : unknown];
    case "if":
      return [
        withNegated(again(schema["then"] ?? true), (negated) => ({ allOf: [value, negated] })),
        allOfThese([again(value), again(schema["else"] ?? true)]),
      ];
    case "$ref": {
      const target = follow(value);
      return [target === undefined ? unknown : again(target)];
    }
    case "unevaluatedProperties":
    case "unevaluatedItems":
    case "$dynamicRef":
    case "$recursiveRef":
    case "prefixItems":
    case "additionalItems":
    case "minContains":
    case "maxContains":
      return [unknown];
    default:
      return [];
  }
}

/** Applies `make` to the negated schema; `false` stays `false`. */
function withNegated({ schema, complete }: Negation, make: (negated: Schema | true) => Schema): Negation {
  return { schema: schema === false ? false : derive(make(schema)), complete };
}

function entriesOf(value: unknown): readonly (readonly [name: string, value: unknown])[] {
  return Object.entries(isRecord(value) ? value : {});
}

function otherTypes(value: unknown): Negation {
  const names = new Set<unknown>(Array.isArray(value) ? value : [value]);
  const others = jsonTypes.filter((type) => type !== "integer" && !names.has(type));
  const isWhole = names.has("integer") && !names.has("number");
  const rest = isWhole ? others.filter((type) => type !== "number") : others;
  return oneOfThese([
    rest.length === 0 ? nothing : { schema: derive({ type: rest }), complete: true },
    isWhole ? only("number", { "~notMultipleOf": 1 }) : nothing,
  ]);
}

/** All other values. If a value is an object, all objects are left out, since a grammar cannot exclude one object; the same applies to arrays. */
function otherValues(values: readonly unknown[]): Negation {
  const strings = values.filter((value) => typeof value === "string");
  const numbers = values.filter((value): value is number => typeof value === "number");
  const booleans = [true, false].filter((value) => !values.includes(value));
  const hasArray = values.some(Array.isArray);
  const hasObject = values.some(isRecord);
  return {
    schema: derive({
      anyOf: [
        derive({ type: "string", "~notTexts": strings }),
        ...betweenNumbers(numbers),
        ...(booleans.length > 0 ? [derive({ type: "boolean", enum: booleans })] : []),
        ...(values.includes(null) ? [] : [derive({ type: "null" })]),
        ...(hasObject ? [] : [derive({ type: "object" })]),
        ...(hasArray ? [] : [derive({ type: "array" })]),
      ],
    }),
    complete: !hasArray && !hasObject,
  };
}

function betweenNumbers(numbers: readonly number[]): readonly Schema[] {
  const sorted = [...new Set(numbers)].toSorted((a, b) => a - b);
  return [undefined, ...sorted].map((low, index) => {
    const high = sorted[index];
    return derive({
      type: "number",
      ...(low === undefined ? {} : { exclusiveMinimum: low }),
      ...(high === undefined ? {} : { exclusiveMaximum: high }),
    });
  });
}

/** Requires a member that is not in `properties` or `patternProperties`, and whose value the negation allows. */
function beyond(schema: Schema, negation: Negation): Negation {
  if (negation.schema !== false && entriesOf(schema["patternProperties"]).length > 0) return unknown;
  const names = entriesOf(schema["properties"]).map(([name]) => name);
  return withNegated(negation, (negated) => ({ type: "object", "~beyond": names, "~value": negated }));
}

function allItems(schema: Schema, negation: Negation): Negation {
  if (Object.hasOwn(schema, "minContains") || Object.hasOwn(schema, "maxContains")) return unknown;
  if (negation.schema === false) return { ...only("array", { maxItems: 0 }), complete: negation.complete };
  return withNegated(negation, (items) => ({ type: "array", items }));
}

function dependency(name: string, needed: unknown, again: (inner: unknown) => Negation): Negation {
  const present = derive({ type: "object", required: [name] });
  const negation = Array.isArray(needed)
    ? oneOfThese(needed.map((other) => only("object", { "~absent": [other] })))
    : again(needed);
  return withNegated(negation, (negated) => ({ allOf: [present, negated] }));
}

function isAnything(value: unknown): boolean {
  return value === true || (isRecord(value) && Object.keys(value).length === 0);
}

function isType(value: unknown, type: string): boolean {
  return isRecord(value) && Object.keys(value).length === 1 && value["type"] === type;
}
