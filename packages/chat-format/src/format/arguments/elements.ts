// Reads arguments that are written as elements, `<city>Paris</city>`. A marker precedes each tag; nested elements are objects and lists.
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
  /** The marker and the first character of each opening tag. */
  readonly open: string;
  /** The marker and the first characters of each closing tag. */
  readonly close: string;
  /** Tag of a list's items. */
  readonly item: string;
}

export function* readElements(cursor: Cursor, { before, item }: ElementArguments, target: ArgumentsTarget): Reading {
  const schema = createSchemaTypes(target.schema);
  const elements = { cursor, target, schema, open: `${before}<`, close: `${before}</`, item };
  return yield* readNested(elements, { isList: false, schema: target.schema, depth: 0 });
}

/** Whether an element begins here, after optional white space. */
function* elementNext({ cursor, open, close }: Elements): Reading {
  return !(yield* isNext(cursor, [close])) && (yield* isNext(cursor, [open]));
}

interface Nested {
  readonly isList: boolean;
  readonly schema: unknown;
  readonly depth: number;
}

/** Reads elements one after the other, as the members of an object or, regardless of their tags, as the items of a list. */
function* readNested(elements: Elements, { isList, schema, depth }: Nested): Reading {
  const { cursor, target } = elements;
  target.say(isList ? "[" : "{");
  for (let count = 0; yield* elementNext(elements); count += 1) {
    const tag = yield* readTag(elements);
    if (tag === undefined) return false;
    const key = isList ? "" : `${JSON.stringify(target.spell(tag))}: `;
    const before = (count === 0 ? "" : ", ") + key;
    if (before !== "") target.say(before);
    const inner = isList ? elements.schema.item(schema) : elements.schema.member(schema, tag);
    if (!(yield* readValue(elements, tag, inner, depth + 1))) return false;
  }
  if (cursor.ended && cursor.at >= cursor.text.length) return false;
  target.say(isList ? "]" : "}");
  return true;
}

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
    return (yield* readNested(elements, { isList, schema, depth })) && (yield* takeUntil(cursor, end)) !== undefined;
  }
  const empty = emptyValue(types);
  if (empty !== undefined && (yield* isNext(cursor, [end]))) {
    target.say(empty);
    yield* takeBlanks(cursor);
    return yield* takeLiteral(cursor, end);
  }
  return yield* readTypedValue(cursor, { close: end, lines: false }, types, target);
}

/** Whether the next elements are the items of a list. If the schema allows both lists and objects, or neither, the elements' tag decides. */
function* listNext({ cursor, open }: Elements, types: JsonTypes, item: string): Reading {
  if (types?.has("array") === true && !types.has("object")) return true;
  if (types?.has("object") === true && !types.has("array")) return false;
  return yield* isNext(cursor, [`${open}${item}>`]);
}

/** The value of an empty element whose type is known and is not string; undefined for other elements. */
function emptyValue(types: JsonTypes): string | undefined {
  if (types === undefined || types.has("string")) return undefined;
  if (types.has("array")) return "[]";
  if (types.has("object")) return "{}";
  return types.has("null") ? "null" : undefined;
}
