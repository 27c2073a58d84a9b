// Reads arguments between tags, `<parameter=city>Paris</parameter>`, and converts each piece to JSON, with types from the tool's schema.
import { type Cursor, type Reading, isNext, takeBlanks, takeLiteral } from "../cursor.ts";
import type { TaggedArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { type JsonType } from "@waggle/grammar/json-schema";
import { type JsonTypes, createSchemaTypes, intersection } from "./schema-types.ts";
import { readTypedValue, takeUntil } from "./typed-value.ts";

export function* readTags(cursor: Cursor, syntax: TaggedArguments, target: ArgumentsTarget): Reading {
  const schema = createSchemaTypes(target.schema);
  target.say("{");
  for (let count = 0; yield* isNext(cursor, [syntax.key.open]); count += 1) {
    yield* takeBlanks(cursor);
    yield* takeLiteral(cursor, syntax.key.open);
    const key = yield* readKey(cursor, syntax, target);
    if (key === undefined) return false;
    target.say(`${count === 0 ? "" : ", "}${JSON.stringify(key)}: `);
    const told = yield* readType(cursor, syntax);
    const types = intersection([schema.types(schema.member(target.schema, key)), told]);
    if (!(yield* readValue(cursor, syntax, target, types))) return false;
    yield* readSeparator(cursor, syntax.separator.trim());
  }
  if (cursor.ended && cursor.at >= cursor.text.length) return false;
  target.say("}");
  return true;
}

function* readKey(
  cursor: Cursor,
  { key, escapes }: TaggedArguments,
  target: ArgumentsTarget,
): Generator<undefined, string | undefined> {
  const text = yield* takeUntil(cursor, key.close);
  if (text === undefined) return undefined;
  const name = target.spell(text).trim();
  return escapes === "xml" ? name.replaceAll("&quot;", '"').replaceAll("&amp;", "&") : name;
}

/** Reads the attribute that names the value's type; undefined if there is no such attribute. */
function* readType(cursor: Cursor, { type }: TaggedArguments): Generator<undefined, JsonTypes> {
  if (type === undefined || !(yield* isNext(cursor, [type.open.trim()]))) return undefined;
  yield* takeBlanks(cursor);
  yield* takeLiteral(cursor, type.open.trim());
  const word = yield* takeUntil(cursor, type.close);
  const named = (Object.entries(type.words) as [JsonType, string][]).filter(([, text]) => text === word);
  return named.length === 0 ? undefined : new Set(named.map(([one]) => one));
}

function* readValue(
  cursor: Cursor,
  { value, lines, verbatim }: TaggedArguments,
  target: ArgumentsTarget,
  types: JsonTypes,
): Reading {
  const open = value.open.trim();
  if (open !== "") {
    if (!(yield* takeBlanks(cursor))) return false;
    if (!(yield* takeLiteral(cursor, open))) return false;
  }
  if (verbatim !== undefined && (yield* isNext(cursor, [verbatim.open]))) {
    yield* takeBlanks(cursor);
    yield* takeLiteral(cursor, verbatim.open);
    if (!(yield* readTypedValue(cursor, { close: verbatim.close, lines: false }, types, target))) return false;
    return (yield* takeUntil(cursor, value.close)) !== undefined;
  }
  return yield* readTypedValue(cursor, { close: value.close, lines }, types, target);
}

function* readSeparator(cursor: Cursor, separator: string): Reading {
  if (separator === "" || !(yield* isNext(cursor, [separator]))) return false;
  yield* takeBlanks(cursor);
  return yield* takeLiteral(cursor, separator);
}
