// Reads arguments that are written as names and values of a programming language, `(city="Paris", days=3)`, and converts each piece to JSON.
// A stack holds the open lists and objects, so that a deep value costs no more than a flat value.
import { type Cursor, type Reading, takeBlanks, takeLiteral } from "../cursor.ts";
import { isMark } from "../marks.ts";
import type { ValueArguments } from "../syntax.ts";
import type { ArgumentsTarget } from "./arguments-reader.ts";
import { pythonWords } from "./loose-json.ts";
import { type NamedEnds, namedEnds, readQuoted, takeQuote } from "./quoted.ts";
import { type JsonTypes, type SchemaTypes, createSchemaTypes, isAllowed, propertyNames } from "./schema-types.ts";

/** Lists and objects nested deeper than this are not read. */
export const maxValueDepth = 128;
/** Longest name, number or unquoted word. */
export const maxWordChars = 4096;

interface Level {
  readonly kind: "named" | "object" | "list";
  readonly close: string;
  /** The part of the tool's schema for this list or object. */
  readonly schema: unknown;
  count: number;
}

interface ValuesContext {
  readonly cursor: Cursor;
  readonly syntax: ValueArguments;
  readonly target: ArgumentsTarget;
  readonly schema: SchemaTypes;
  readonly levels: Level[];
  readonly named: NamedEnds;
}

export function* readValues(cursor: Cursor, syntax: ValueArguments, target: ArgumentsTarget): Reading {
  const levels: Level[] = [{ kind: "named", close: syntax.close, schema: target.schema, count: 0 }];
  const context: ValuesContext = {
    cursor,
    syntax,
    target,
    schema: createSchemaTypes(target.schema),
    levels,
    named: namedEnds(syntax),
  };
  if (!(yield* takeBlanks(cursor)) || !(yield* takeLiteral(cursor, syntax.open)) || !(yield* takeBlanks(cursor)))
    return false;
  // If a template gets arguments as JSON text, it puts braces around the text, although the text already has braces.
  const isDoubled = syntax.open === "{" && cursor.text.charAt(cursor.at) === "{";
  if (isDoubled) cursor.at += 1;
  target.say("{");
  for (let level = levels.at(-1); level !== undefined; level = levels.at(-1)) {
    if (!(yield* takeBlanks(cursor))) return false;
    if (yield* takeLiteral(cursor, level.close)) {
      target.say(level.kind === "list" ? "]" : "}");
      levels.pop();
    } else if (!(yield* takeLiteral(cursor, ",")) && !(yield* readMember(context, level))) return false;
  }
  return !isDoubled || ((yield* takeBlanks(cursor)) && (yield* takeLiteral(cursor, syntax.close)));
}

function* readMember(context: ValuesContext, level: Level): Reading {
  const { cursor, target } = context;
  if (level.count > 0) target.say(", ");
  level.count += 1;
  if (level.kind === "list") return yield* readValue(context, { schema: context.schema.item(level.schema), level });
  const place = level.kind === "named" ? positional(context, level) : undefined;
  const key = place ?? (yield* readKey(context, level));
  if (key === undefined) return false;
  target.say(`${JSON.stringify(target.spell(key))}: `);
  if (!(yield* takeBlanks(cursor))) return false;
  const schema = context.schema.member(level.schema, key);
  return yield* readValue(context, { schema, level, isNamed: level.kind === "named" && place === undefined });
}

/** The name for a value that is written without a name: the name of the schema's argument at the same position. */
function positional({ cursor, target, syntax }: ValuesContext, level: Level): string | undefined {
  if (syntax.open !== "(" || !/["'[{\d-]/.test(cursor.text.charAt(cursor.at))) return undefined;
  return propertyNames(target.schema)[level.count - 1];
}

/** Reads a name or key, and consumes the separator after it; undefined if no name begins here. */
function* readKey({ cursor, syntax }: ValuesContext, level: Level): Generator<undefined, string | undefined> {
  const assign = (level.kind === "named" ? syntax.assign : syntax.colon).trim();
  const quote = yield* takeQuote(cursor, syntax.quotes);
  let key: string | undefined;
  if (quote === undefined) key = yield* readWord(cursor, `${assign},${level.close}`);
  else {
    let json = "";
    const whole = yield* readQuoted(cursor, {
      quote,
      say(piece) {
        if (json.length < maxWordChars) json += piece;
      },
      spell: (text) => text,
    });
    key = whole && json.length < maxWordChars ? (JSON.parse(json) as string) : undefined;
  }
  if (key === undefined || key === "" || !(yield* takeBlanks(cursor))) return undefined;
  return (yield* takeLiteral(cursor, assign)) ? key : undefined;
}

interface ValuePlace {
  readonly schema: unknown;
  readonly level: Level;
  /** Whether the value is an argument with a name. */
  readonly isNamed?: boolean;
}

function* readValue(context: ValuesContext, { schema, level, isNamed }: ValuePlace): Reading {
  const { cursor, syntax, target, levels } = context;
  const char = cursor.text.charAt(cursor.at);
  if ("{[(".includes(char)) {
    if (levels.length === maxValueDepth) return false;
    cursor.at += 1;
    const kind = char === "{" ? "object" : "list";
    levels.push({ kind, close: { "{": "}", "[": "]", "(": ")" }[char] ?? char, schema, count: 0 });
    target.say(kind === "object" ? "{" : "[");
    return true;
  }
  const quote = yield* takeQuote(cursor, syntax.quotes);
  if (quote !== undefined) {
    return yield* readQuoted(cursor, {
      quote,
      say: (json) => target.say(json),
      spell: (text) => target.spell(text),
      ...(isNamed === true ? { named: context.named } : {}),
    });
  }
  const word = yield* readWord(cursor, `,${level.close}${syntax.close}`);
  if (word === undefined || word === "") return false;
  target.say(jsonOf(target.spell(word), syntax, context.schema.types(schema)));
  return true;
}

/** Reads unquoted text up to one of the characters in `ends` or a mark; undefined if the answer ended before such a character, or if the text is too long. */
function* readWord(cursor: Cursor, ends: string): Generator<undefined, string | undefined> {
  for (let word = ""; ;) {
    let at = cursor.at;
    while (at < cursor.text.length && !ends.includes(cursor.text.charAt(at)) && !isMark(cursor.text.charAt(at)))
      at += 1;
    word += cursor.text.slice(cursor.at, at);
    cursor.at = at;
    if (word.length > maxWordChars) return undefined;
    if (at < cursor.text.length) return word.trim();
    if (cursor.ended) return undefined;
    yield;
  }
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:e[+-]?\d+)?$/i;

/** Writes a word as JSON. A word is a string if it has no other meaning, or if the schema allows only strings. */
function jsonOf(word: string, { words }: ValueArguments, types: JsonTypes): string {
  const json = jsonOfWord(word, words);
  if (json === undefined) return JSON.stringify(word);
  const fits = isAllowed(JSON.parse(json), types);
  return fits || types?.has("string") !== true ? json : JSON.stringify(word);
}

/** Undefined if the word is neither a constant of the language nor a number. */
function jsonOfWord(word: string, words: ValueArguments["words"]): string | undefined {
  for (const [json, own] of Object.entries(words)) if (word === json || word === own) return json;
  const constant = pythonWords.get(word);
  if (constant !== undefined) return constant;
  if (jsonNumber.test(word)) return word;
  // `1_000`, `.5`, `+3`, `0x1f`
  const value = /^[+-]?[\d.]/.test(word) ? Number(word.replaceAll("_", "")) : Number.NaN;
  return Number.isFinite(value) ? String(value) : undefined;
}
