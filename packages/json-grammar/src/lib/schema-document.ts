// Owns finding schemas by their JSON Pointer, and what a $ref points to. One document: nothing is ever fetched.
import { UnsupportedSchemaError } from "./errors.ts";
import { escapePointer, isRecord, refuse, textOf, type SchemaPart } from "./schema-part.ts";

export interface SchemaDocument {
  /** @throws UnsupportedSchemaError when what stands there is no schema */
  at(pointer: string): boolean | SchemaPart;
  /** The pointer that the part's $ref means. @throws UnsupportedSchemaError when there is nothing in this document */
  target(part: SchemaPart): string;
}

export function createDocument(root: unknown): SchemaDocument {
  const found = new Map<string, unknown>([["", root]]);

  function lookUp(pointer: string): unknown {
    if (!found.has(pointer)) {
      const keys = pointer.split("/").slice(1);
      found.set(
        pointer,
        keys.reduce((value, key) => child(value, unescapePointer(key)), root),
      );
    }
    return found.get(pointer);
  }

  return {
    at: (path) => {
      const schema = lookUp(path);
      if (typeof schema === "boolean") return schema;
      if (isRecord(schema)) return { path, schema };
      throw new UnsupportedSchemaError(path, "schema", "must be an object or a boolean");
    },
    target: (part) => {
      const ref = textOf(part, "$ref") ?? "";
      if (!/^#(\/|$)/.test(ref)) throw refuse(part, "$ref", "must point into this schema: # or #/…");
      const pointer = ref.slice(1).split("/").map(decodeKey).join("/");
      if (lookUp(pointer) === undefined) throw refuse(part, "$ref", "points to nothing in this schema");
      return pointer;
    },
  };
}

function child(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined;
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** In the one spelling that the compiler's own pointers have. */
function decodeKey(key: string): string {
  return escapePointer(unescapePointer(decodePercent(key)));
}

function decodePercent(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch (error) {
    if (error instanceof URIError) return key;
    throw error;
  }
}

function unescapePointer(key: string): string {
  return key.replaceAll("~1", "/").replaceAll("~0", "~");
}
