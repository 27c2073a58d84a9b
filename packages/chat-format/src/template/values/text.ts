// Converts values to text, like Python's str() and repr().
import type { Budget } from "../budget.ts";
import { checkDepth } from "../limits.ts";
import { dictItems } from "./dict.ts";
import { floatText } from "./numbers.ts";
import { typeName, type Value } from "./value.ts";

export function str(value: Value, budget: Budget): string {
  if (typeof value === "string") return value;
  return typeof value === "number" ? String(value) : repr(value, budget);
}

export function repr(value: Value, budget: Budget): string {
  const grow = budget.growingText();

  function text(inner: Value, depth: number): string {
    checkDepth(depth, "it prints a value of");
    budget.spend(1);
    const written = write(inner, depth);
    // The text of inner values is already counted: count only the characters around it.
    grow(isPlain(inner) ? written.length : aroundChars);
    return written;
  }

  const list = (items: Iterable<Value>, depth: number): string =>
    Array.from(items, (item) => text(item, depth + 1)).join(", ");

  function pairs(entries: Iterable<readonly [Value, Value]>, depth: number): string {
    return Array.from(entries, ([key, item]) => `${text(key, depth + 1)}: ${text(item, depth + 1)}`).join(", ");
  }

  function write(inner: Value, depth: number): string {
    if (inner === null) return "None";
    if (typeof inner === "boolean") return inner ? "True" : "False";
    if (typeof inner === "number" || typeof inner === "bigint") return String(inner);
    if (typeof inner === "string") return quoted(inner);
    if (Array.isArray(inner)) return `[${list(inner, depth)}]`;
    switch (inner.kind) {
      case "float":
        return floatText(inner.value);
      case "tuple":
        return `(${list(inner.items, depth)}${inner.items.length === 1 ? "," : ""})`;
      case "dict":
        return `{${pairs(inner.entries.values(), depth)}}`;
      case "view":
        return `dict_${inner.of}([${list(dictItems(inner), depth)}])`;
      case "range": {
        const stop = inner.start + inner.length * inner.step;
        return `range(${inner.start}, ${stop}${inner.step === 1 ? "" : `, ${inner.step}`})`;
      }
      case "namespace":
        return `<Namespace {${pairs(inner.attributes, depth)}}>`;
      case "undefined":
        return depth === 0 ? "" : "Undefined";
      case "callable":
      case "sequence":
      case "loop":
        return `<${typeName(inner)}>`;
    }
  }

  return text(value, 0);
}

/** Brackets, a comma and a colon around a value. */
const aroundChars = 4;

function isPlain(value: Value): boolean {
  return value === null || typeof value !== "object" || (!Array.isArray(value) && value.kind === "float");
}

/** Characters that Python writes as escapes, except U+FDD0: it marks a break in a caller's text and must stay. */
const unprintable = /[\\\n\r\t]|(?!\x20|\ufdd0)[\p{C}\p{Z}]/gu;
const shortEscapes: Readonly<Record<string, string>> = { "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t" };

function quoted(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replace(unprintable, (char) => shortEscapes[char] ?? escapeOf(char.codePointAt(0) ?? 0));
  return quote + (quote === "'" ? escaped.replaceAll("'", "\\'") : escaped) + quote;
}

function escapeOf(code: number): string {
  const digits = code.toString(16);
  if (code <= 0xff) return `\\x${digits.padStart(2, "0")}`;
  return code <= 0xffff ? `\\u${digits.padStart(4, "0")}` : `\\U${digits.padStart(8, "0")}`;
}
