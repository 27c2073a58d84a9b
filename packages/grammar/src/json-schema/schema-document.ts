// Finds schemas by their JSON Pointer or by a $ref, and keeps schemas that are derived for a oneOf. All schemas are in one document; no other
// document is fetched.
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { escapePointer, isRecord, pathOf, refuse, keywordText, type SchemaPart } from "./schema-part.ts";

export interface SchemaDocument {
  /** The schema at the pointer. @throws UnsupportedSchemaError if the value there is not a schema */
  at(pointer: string): boolean | SchemaPart;
  /** The value at the pointer; undefined if there is no value. */
  read(pointer: string): unknown;
  /** The pointer to the target of the part's $ref. @throws UnsupportedSchemaError if the document does not contain the target */
  target(part: SchemaPart): string;
  /** Adds a schema that is derived from the value at `from`. @returns the pointer to the derived schema, equal for equal schemas */
  derive(from: string, schema: Readonly<Record<string, unknown>>): string;
  /** Leaves a keyword that no grammar guarantees out of the grammar. @returns false if such a keyword must be refused */
  leaveOut(part: SchemaPart, keyword: string): boolean;
}

/** Limit for the number of values in the document that are searched for names. */
const mostNamed = 20_000;

/** The step of a pointer before a derived schema, which is not part of the given document. No escaped key equals this step. */
const derivedStep = "~";

/** @param leftOut gets the pointers to keywords that are left out of the grammar; by default such keywords are refused */
export function createDocument(root: unknown, leftOut?: Set<string>): SchemaDocument {
  const found = new Map<string, unknown>([["", root]]);
  let names: ReadonlyMap<string, string> | undefined;

  /** Finds the value at the pointer, beginning at the longest known prefix of the pointer. */
  function lookUp(pointer: string): unknown {
    if (found.has(pointer)) return found.get(pointer);
    let known = pointer.lastIndexOf("/");
    while (known > 0 && !found.has(pointer.slice(0, known))) known = pointer.lastIndexOf("/", known - 1);
    const keys = pointer.slice(known + 1).split("/");
    const value = keys.reduce((parent, key) => child(parent, unescapePointer(key)), found.get(pointer.slice(0, known)));
    found.set(pointer, value);
    return value;
  }

  function resolve(ref: string): string | undefined {
    const [before = "", fragment = ""] = ref.split("#", 2);
    const isPointer = fragment === "" || fragment.startsWith("/");
    if (before === "" && isPointer) return fragment.split("/").map(decodeKey).join("/");
    names ??= namesIn(root);
    const base = isPointer ? names.get(before) : (names.get(ref) ?? names.get(`#${fragment}`));
    if (base === undefined) return undefined;
    return isPointer ? base + fragment.split("/").map(decodeKey).join("/") : base;
  }

  return {
    read: lookUp,
    at: (path) => {
      const schema = lookUp(path);
      if (typeof schema === "boolean") return schema;
      if (isRecord(schema)) return { path, schema };
      throw new UnsupportedSchemaError(path, "schema", "must be an object or a boolean");
    },
    target: (part) => {
      const pointer = resolve(keywordText(part, "$ref") ?? "");
      if (pointer === undefined)
        throw refuse(part, "$ref", "must point into this schema: #, #/… or a name that is in it");
      if (lookUp(pointer) === undefined) throw refuse(part, "$ref", "points to nothing in this schema");
      return pointer;
    },
    derive: (from, schema) => {
      const pointer = `${from}/${derivedStep}/${escapePointer(JSON.stringify(schema))}`;
      found.set(pointer, schema);
      return pointer;
    },
    leaveOut: (part, keyword) => {
      leftOut?.add(pathOf(part, keyword));
      return leftOut !== undefined;
    },
  };
}

/** Pointers by `$id` (as written, and resolved against the `$id` of the document), and by anchor (`#` and its name). */
function namesIn(root: unknown): ReadonlyMap<string, string> {
  const names = new Map<string, string>();
  const waiting: { readonly value: unknown; readonly pointer: string }[] = [{ value: root, pointer: "" }];
  const base = isRecord(root) ? (root["$id"] ?? root["id"]) : undefined;
  for (let count = 0; count < mostNamed; count += 1) {
    const next = waiting.pop();
    if (next === undefined) break;
    const { value, pointer } = next;
    if (typeof value !== "object" || value === null) continue;
    for (const [key, item] of Object.entries(value)) {
      if (typeof item === "object") waiting.push({ value: item, pointer: `${pointer}/${escapePointer(key)}` });
      if (typeof item !== "string") continue;
      if (key === "$anchor" || key === "$dynamicAnchor") names.set(`#${item}`, pointer);
      if (key === "$id" || key === "id") for (const name of spellingsOf(item, base)) names.set(name, pointer);
    }
  }
  return names;
}

function spellingsOf(id: string, base: unknown): readonly string[] {
  const plain = id.replace(/#$/, "");
  if (typeof base !== "string" || !URL.canParse(plain, base)) return [plain];
  return [plain, new URL(plain, base).href, plain.split("/").at(-1) ?? plain];
}

function child(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined;
  return isRecord(value) && Object.hasOwn(value, key) ? value[key] : undefined;
}

/** Converts a key of a $ref to the spelling in the compiler's pointers. */
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
