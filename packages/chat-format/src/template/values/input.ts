// Converts a caller's values to values of a template.
import { checkDepth } from "../limits.ts";
import { TemplateError, unsupported } from "../template-error.ts";
import { integer } from "./numbers.ts";
import { floatValue, type Dict, type Key, type Value } from "./value.ts";

const jsonToken =
  /[\s,:]*(?:("(?:[^"\\]|\\.)*")|(-?\d+)(?![\d.eE])|(-?[\d.]+(?:[eE][-+]?\d+)?)|([[\]{}])|(true|false|null))/y;

/** A JSON text that replaces a value, so that 1.0 and large integers stay exact. It is a map, which can be posted to a thread. */
export type JsonText = ReadonlyMap<"json", string>;

export function jsonText(text: string): JsonText {
  return new Map([["json", text]]);
}

/**
 * Converts plain JSON data, which may contain JsonText. Numbers with a fraction become floats, all other numbers integers.
 * @throws TemplateError limit; unsupported for values that are not JSON data; failed for invalid JsonText
 */
export function fromPlain(value: unknown, depth = 0): Value {
  checkDepth(depth, valuesHave);
  if (value === null || typeof value === "boolean" || typeof value === "string") return value;
  if (typeof value === "number") return plainNumber(value);
  if (value instanceof Map) return fromJson(String(value.get("json")), depth);
  if (Array.isArray(value)) return value.map((item) => fromPlain(item ?? null, depth + 1));
  if (typeof value !== "object") throw unsupported(`a template cannot take a ${typeof value} as a value`);
  const entries = new Map<Key, readonly [Value, Value]>();
  for (const [key, item] of Object.entries(value)) {
    if (item !== undefined) entries.set(key, [key, fromPlain(item, depth + 1)]);
  }
  return { kind: "dict", entries } satisfies Dict;
}

const valuesHave = "the values have";

function plainNumber(value: number): Value {
  if (!Number.isInteger(value)) return floatValue(value);
  return Number.isSafeInteger(value) ? value : BigInt(value);
}

/** Parses JSON as Python does: numbers with a fraction or an exponent become floats. */
function fromJson(text: string, startDepth: number): Value {
  assertJson(text);
  jsonToken.lastIndex = 0;

  function next(): RegExpExecArray {
    const found = jsonToken.exec(text);
    if (found === null) throw notJson();
    return found;
  }

  function read(found: RegExpExecArray, depth: number): Value {
    checkDepth(depth, valuesHave);
    const [, quoted, whole, fraction, bracket, word] = found;
    if (quoted !== undefined) return JSON.parse(quoted) as string;
    if (whole !== undefined) return whole === "-0" ? 0 : integer(BigInt(whole));
    if (fraction !== undefined) return floatValue(Number(fraction));
    if (word !== undefined) return word === "null" ? null : word === "true";
    return bracket === "[" ? list(depth) : dict(depth);
  }

  function list(depth: number): Value {
    const items: Value[] = [];
    for (let found = next(); found[4] !== "]"; found = next()) items.push(read(found, depth + 1));
    return items;
  }

  function dict(depth: number): Value {
    const entries = new Map<Key, readonly [Value, Value]>();
    for (let found = next(); found[4] !== "}"; found = next()) {
      const key = JSON.parse(found[1] ?? '""') as string;
      entries.set(key, [key, read(next(), depth + 1)]);
    }
    return { kind: "dict", entries };
  }

  return read(next(), startDepth);
}

/** `JSON.parse` checks the syntax. The tokens are read again, since `JSON.parse` loses the form of numbers. */
function assertJson(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw notJson();
  }
}

function notJson(): TemplateError {
  return new TemplateError("failed", "a JSON text among the values is not valid JSON");
}
