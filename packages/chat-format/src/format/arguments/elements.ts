// Owns arguments that are written as elements, `<city>Paris</city>`, each tag behind a marker, and within each other for objects and lists.
import { type Cursor, type Reading, isNext, takeBlanks, takeLiteral } from "../cursor.ts";
import type { ElementArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { type JsonTypes, type SchemaTypes, createSchemaTypes } from "./schema-types.ts";
import { readTypedValue, takeUntil } from "./typed-value.ts";

/** Elements nested deeper than this are read as text. */
export const maxElementDepth = 64;

interface Elements {
  readonly cursor: Cursor;
  readonly target: ArgumentsTarget;
  readonly schema: SchemaTypes;
  /** With which every element begins, and ends. */
  readonly open: string;
  readonly close: string;
  readonly item: string;
}

export function* readElements(cursor: Cursor, { before, item }: ElementArguments, target: ArgumentsTarget): Reading {
  const schema = createSchemaTypes(target.schema);
  const elements = { cursor, target, schema, open: `${before}<`, close: `${before}</`, item };
  if (!(yield* readMembers(elements, target.schema, 0))) return false;
  return !(cursor.ended && cursor.at >= cursor.text.length);
}

/** Whether an element begins here, white space aside. */
function* elementNext({ cursor, open, close }: Elements): Reading {
  return !(yield* isNext(cursor, [close])) && (yield* isNext(cursor, [open]));
}

/** Reads elements one after the other as the members of an object. */
function* readMembers(elements: Elements, schema: unknown, depth: number): Reading {
  const { target } = elements;
  target.say("{");
  for (let count = 0; yield* elementNext(elements); count += 1) {
    const tag = yield* readTag(elements);
    if (tag === undefined) return false;
    target.say(`${count === 0 ? "" : ", "}${JSON.stringify(target.spell(tag))}: `);
    if (!(yield* readValue(elements, tag, elements.schema.member(schema, tag), depth + 1))) return false;
  }
  if (ended(elements)) return false;
  target.say("}");
  return true;
}

/** Reads elements as the items of a list, whatever their tag is. */
function* readItems(elements: Elements, schema: unknown, depth: number): Reading {
  const { target } = elements;
  const item = elements.schema.item(schema);
  target.say("[");
  for (let count = 0; yield* elementNext(elements); count += 1) {
    const tag = yield* readTag(elements);
    if (tag === undefined) return false;
    if (count > 0) target.say(", ");
    if (!(yield* readValue(elements, tag, item, depth + 1))) return false;
  }
  if (ended(elements)) return false;
  target.say("]");
  return true;
}

const ended = ({ cursor }: Elements): boolean => cursor.ended && cursor.at >= cursor.text.length;

function* readTag({ cursor, open }: Elements): Generator<undefined, string | undefined> {
  yield* takeBlanks(cursor);
  yield* takeLiteral(cursor, open);
  return yield* takeUntil(cursor, ">");
}

function* readValue(elements: Elements, tag: string, schema: unknown, depth: number): Reading {
  const { cursor, target, close, item } = elements;
  const types = elements.schema.types(schema);
  const end = `${close}${tag}>`;
  const isText = depth >= maxElementDepth || (types?.size === 1 && types.has("string"));
  if (!isText && (yield* elementNext(elements))) {
    const isList = yield* listNext(elements, types, item);
    const whole = isList ? yield* readItems(elements, schema, depth) : yield* readMembers(elements, schema, depth);
    return whole && (yield* takeUntil(cursor, end)) !== undefined;
  }
  const empty = emptyValue(types);
  if (empty !== undefined && (yield* isNext(cursor, [end]))) {
    target.say(empty);
    yield* takeBlanks(cursor);
    return yield* takeLiteral(cursor, end);
  }
  return yield* readTypedValue(cursor, { close: end, lines: false }, types, target);
}

/** Whether the elements that come are a list's, by the schema or else by their tag. */
function* listNext({ cursor, open }: Elements, types: JsonTypes, item: string): Reading {
  if (types?.has("array") === true && !types.has("object")) return true;
  if (types?.has("object") === true && !types.has("array")) return false;
  return yield* isNext(cursor, [`${open}${item}>`]);
}

/** The value of an empty element that is not a string. */
function emptyValue(types: JsonTypes): string | undefined {
  if (types === undefined || types.has("string")) return undefined;
  if (types.has("array")) return "[]";
  if (types.has("object")) return "{}";
  return types.has("null") ? "null" : undefined;
}
