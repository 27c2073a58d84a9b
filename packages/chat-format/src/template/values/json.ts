// Writes JSON as Python's json module does, which transformers uses for `tojson`: 1.0 stays a float, and large integers stay exact.
import type { Budget } from "../budget.ts";
import { checkDepth } from "../limits.ts";
import { failure } from "../template-error.ts";
import { floatText } from "./numbers.ts";
import { compareValues } from "./operators.ts";
import { isFloat, typeName, type Value } from "./value.ts";

export interface JsonStyle {
  readonly ascii: boolean;
  /** Indent of each level; undefined: everything is on one line. */
  readonly indent: string | undefined;
  readonly betweenItems: string;
  readonly afterKey: string;
  readonly sortKeys: boolean;
}

// eslint-disable-next-line no-control-regex
const special = /["\\\x00-\x1f]/g;

/** @throws TemplateError failed for values that JSON cannot express, such as an undefined value; limit */
export function toJson(value: Value, style: JsonStyle, budget: Budget): string {
  const grow = budget.growingText();

  function add(text: string): string {
    grow(text.length);
    return text;
  }

  function around(open: string, items: readonly string[], close: string, depth: number): string {
    if (items.length === 0) return open + close;
    grow((open.length + style.betweenItems.length) * items.length);
    if (style.indent === undefined) return open + items.join(style.betweenItems) + close;
    const inner = `\n${style.indent.repeat(depth + 1)}`;
    grow(inner.length * items.length);
    return open + inner + items.join(style.betweenItems + inner) + `\n${style.indent.repeat(depth)}` + close;
  }

  function write(inner: Value, depth: number): string {
    checkDepth(depth, "it prints a value of");
    budget.spend(1);
    if (inner === null) return "null";
    if (typeof inner === "string") return add(quote(inner, style.ascii));
    if (typeof inner !== "object") return add(String(inner));
    if (Array.isArray(inner)) return list(inner, depth);
    switch (inner.kind) {
      case "float":
        return add(floatJson(inner.value));
      case "tuple":
        return list(inner.items, depth);
      case "dict": {
        const pairs = [...inner.entries.values()];
        if (style.sortKeys) pairs.sort(([a], [b]) => compareValues(a, b, budget));
        const items = pairs.map(
          ([key, item]) => add(quote(keyText(key), style.ascii) + style.afterKey) + write(item, depth + 1),
        );
        return around("{", items, "}", depth);
      }
      default:
        throw failure(`Object of type ${typeName(inner)} is not JSON serializable`);
    }
  }

  const list = (items: readonly Value[], depth: number): string =>
    add(
      around(
        "[",
        items.map((item) => write(item, depth + 1)),
        "]",
        depth,
      ),
    );

  return write(value, 0);
}

function keyText(key: Value): string {
  if (typeof key === "string") return key;
  if (key === null) return "null";
  if (typeof key !== "object") return String(key);
  if (isFloat(key)) return floatJson(key.value);
  throw failure(`keys must be str, int, float, bool or None, not ${typeName(key)}`);
}

function floatJson(value: number): string {
  if (Number.isFinite(value)) return floatText(value);
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

function quote(text: string, ascii: boolean): string {
  const escaped = text.replace(special, (char) => JSON.stringify(char).slice(1, -1));
  // eslint-disable-next-line no-control-regex
  return `"${ascii ? escaped.replace(/[^\x00-\x7e]/g, unicodeEscape) : escaped}"`;
}

function unicodeEscape(unit: string): string {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
