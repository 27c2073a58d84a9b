// Finds the types that a tool's JSON Schema allows for a value. The types distinguish strings from other values in formats that write both as plain
// text.
import { isRecord, jsonTypes, typeOfValue, type JsonType } from "@waggle/grammar/json-schema";

/** Undefined: any type. */
export type JsonTypes = ReadonlySet<JsonType> | undefined;

export interface SchemaTypes {
  types(schema: unknown): JsonTypes;
  /** The schema of a member of the object that `schema` describes; undefined if `schema` does not say. */
  member(schema: unknown, key: string): unknown;
  /** The schema of the items of the list that `schema` describes; undefined if `schema` does not say. */
  item(schema: unknown): unknown;
}

/** Limit for the nested schemas (`$ref`, `anyOf` and similar) that one call examines. A schema with more nested schemas allows any type. */
export const maxSchemasLookedInto = 256;

/** @param root the schema that `$ref` refers into */
export function createSchemaTypes(root: unknown): SchemaTypes {
  let left = 0;

  function typesOf(schema: unknown): JsonTypes {
    if (!isRecord(schema) || left <= 0) return undefined;
    left -= 1;
    const found = [ownTypes(schema)];
    if (typeof schema["$ref"] === "string") found.push(typesOf(resolve(root, schema["$ref"])));
    for (const one of listOrNothing(schema["allOf"])) found.push(typesOf(one));
    for (const key of ["anyOf", "oneOf"]) {
      const choices = listOrNothing(schema[key]);
      if (choices.length > 0) found.push(union(choices.map(typesOf)));
    }
    const types = intersection(found) ?? shapeTypes(schema);
    return types !== undefined && schema["nullable"] === true ? new Set<JsonType>([...types, "null"]) : types;
  }

  /** The first result of `find` for the schema or for one of its parts. */
  function within(schema: unknown, find: (one: Readonly<Record<string, unknown>>) => unknown): unknown {
    if (!isRecord(schema) || left <= 0) return undefined;
    left -= 1;
    const own = find(schema);
    if (own !== undefined) return own;
    const parts = [
      ...(typeof schema["$ref"] === "string" ? [resolve(root, schema["$ref"])] : []),
      ...["allOf", "anyOf", "oneOf"].flatMap((key) => listOrNothing(schema[key])),
    ];
    for (const part of parts) {
      const found = within(part, find);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  return {
    types(schema) {
      left = maxSchemasLookedInto;
      return typesOf(schema);
    },
    member(schema, key) {
      left = maxSchemasLookedInto;
      const named = within(schema, ({ properties }) =>
        isRecord(properties) && Object.hasOwn(properties, key) ? properties[key] : undefined,
      );
      return named ?? within(schema, ({ additionalProperties }) => objectOrNothing(additionalProperties));
    },
    item(schema) {
      left = maxSchemasLookedInto;
      return within(schema, ({ items }) => objectOrNothing(items));
    },
  };
}

/** The types that all sets allow. If two sets contradict each other, the earlier one wins. */
export function intersection(sets: readonly JsonTypes[]): JsonTypes {
  return sets.reduce((result, set) => {
    if (result === undefined || set === undefined) return result ?? set;
    const both = [...result].filter((type) => set.has(type) || (type === "integer" && set.has("number")));
    const narrowed = result.has("number") && set.has("integer") ? [...both, "integer" as const] : both;
    return narrowed.length === 0 ? result : new Set(narrowed);
  }, undefined);
}

function union(sets: readonly JsonTypes[]): JsonTypes {
  return sets.includes(undefined) ? undefined : new Set(sets.flatMap((set) => [...(set ?? [])]));
}

function ownTypes(schema: Readonly<Record<string, unknown>>): JsonTypes {
  const values = "const" in schema ? [schema["const"]] : listOrNothing(schema["enum"]);
  if (values.length > 0) return new Set(values.map(typeOfValue));
  const { type } = schema;
  const named = jsonTypes.filter((one) => one === type || listOrNothing(type).includes(one));
  return named.length > 0 ? new Set(named) : undefined;
}

/** A schema without a type is meant for objects if it has members, and for lists if it has items. */
function shapeTypes(schema: Readonly<Record<string, unknown>>): JsonTypes {
  if (isRecord(schema["properties"])) return new Set(["object"]);
  return isRecord(schema["items"]) ? new Set(["array"]) : undefined;
}

/** Whether a value is of one of these types. */
export function isAllowed(value: unknown, types: JsonTypes): boolean {
  return types === undefined || types.has(typeOfValue(value)) || (typeof value === "number" && types.has("number"));
}

/** Names of the arguments that a tool's schema declares, in its order. */
export function propertyNames(schema: unknown): readonly string[] {
  const properties = isRecord(schema) ? schema["properties"] : undefined;
  return isRecord(properties) ? Object.keys(properties) : [];
}

/** `#`, `#/$defs/Place`: a JSON Pointer (RFC 6901) into the same schema. Other references are not followed. */
function resolve(root: unknown, reference: string): unknown {
  if (!reference.startsWith("#")) return undefined;
  const steps = reference.slice(1).split("/").slice(1);
  return steps.reduce<unknown>((node, step) => {
    const key = unescaped(step);
    if (Array.isArray(node)) return (node as unknown[])[Number(key)];
    return isRecord(node) && Object.hasOwn(node, key) ? node[key] : undefined;
  }, root);
}

function unescaped(step: string): string {
  const text = step.replaceAll("~1", "/").replaceAll("~0", "~");
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function listOrNothing(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

function objectOrNothing(value: unknown): unknown {
  return isRecord(value) ? value : undefined;
}
