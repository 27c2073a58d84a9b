// Finds the JSON types that a value may have: the types that the schema names, or else the types to which its keywords apply.
import { constrains, jsonTypes, typeKeywords, type ConstrainedType, type JsonType } from "./keywords.ts";
import { has, refuse, keywordValue, type SchemaPart } from "./schema-part.ts";

const allTypes: ReadonlySet<JsonType> = new Set(["object", "array", "string", "number", "boolean", "null"]);

/** If parts have the keyword `type`: the types that all these parts allow, in the order of the first of these parts; otherwise undefined. */
export function namedTypes(parts: readonly SchemaPart[]): ReadonlySet<JsonType> | undefined {
  const [first, ...others] = parts.filter((part) => has(part, "type")).map(readTypes);
  if (first === undefined) return undefined;
  return others.reduce(commonTypes, first);
}

/**
 * The types that a grammar writes. For a schema without `type`, these are the types to which the schema's keywords apply. By the standard,
 * even a string is valid for a schema that only has `properties`.
 */
export function writtenTypes(parts: readonly SchemaPart[]): ReadonlySet<JsonType> {
  const named = namedTypes(parts);
  if (named !== undefined) return named;
  const described = describedTypes(parts);
  return described.size > 0 ? described : allTypes;
}

/** The types to which keywords of the parts apply. */
function describedTypes(parts: readonly SchemaPart[]): ReadonlySet<JsonType> {
  const types = Object.keys(typeKeywords) as ConstrainedType[];
  return new Set(types.filter((type) => parts.some((part) => constrains(part, type))));
}

/** The types in both sets; an integer is a number as well. */
export function commonTypes(a: ReadonlySet<JsonType>, b: ReadonlySet<JsonType>): ReadonlySet<JsonType> {
  const common = [...a].flatMap((type): JsonType[] => {
    if (b.has(type)) return [type];
    if ((type === "integer" && b.has("number")) || (type === "number" && b.has("integer"))) return ["integer"];
    return [];
  });
  return new Set(common);
}

export function typeOfValue(value: unknown): JsonType {
  if (value === null) return "null";
  if (Array.isArray(value)) return "array";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "boolean";
    case "number":
      return Number.isInteger(value) ? "integer" : "number";
    default:
      return "object";
  }
}

function readTypes(part: SchemaPart): ReadonlySet<JsonType> {
  const value = keywordValue(part, "type");
  const names: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (names.length > jsonTypes.length) throw refuse(part, "type", `has more than ${jsonTypes.length} entries`);
  const types = names.map((name) => {
    const type = jsonTypes.find((known) => known === name);
    if (type === undefined) throw refuse(part, "type", `must be one or more of ${jsonTypes.join(", ")}`);
    return type;
  });
  if (types.length === 0) throw refuse(part, "type", "must have an entry");
  return new Set(types.includes("number") ? types.filter((type) => type !== "integer") : types);
}
