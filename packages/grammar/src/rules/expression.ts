// Defines the right side of a grammar rule as data. Sequences, choices and repetitions never contain an expression that matches no text.
import { charSet, setKey, type CharRange, type CharSet } from "./char-set.ts";

export type Expression =
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "class"; readonly set: CharSet }
  | { readonly kind: "reference"; readonly rule: string }
  | { readonly kind: "sequence"; readonly items: readonly Expression[] }
  | { readonly kind: "choice"; readonly options: readonly Expression[] }
  | { readonly kind: "repeat"; readonly item: Expression; readonly min: number; readonly max: number };

/** Matches the empty text. */
export const empty: Expression = { kind: "sequence", items: [] };

/** Matches no text at all. */
export const never: Expression = { kind: "choice", options: [] };

export function isEmpty(expression: Expression): boolean {
  return expression.kind === "sequence" && expression.items.length === 0;
}

export function isNever(expression: Expression): boolean {
  return expression.kind === "choice" && expression.options.length === 0;
}

export function literal(text: string): Expression {
  return text === "" ? empty : { kind: "literal", text };
}

export function charClass(set: CharSet): Expression {
  return set.length === 0 ? never : { kind: "class", set };
}

/** One ASCII character. Each argument is a range (its first and last character) or a single character: `oneOf("09", "_")`. */
export function oneOf(...ranges: readonly string[]): Expression {
  return charClass(
    charSet(ranges.map((range): CharRange => [range.charCodeAt(0), range.charCodeAt(range.length - 1)])),
  );
}

export function reference(rule: string): Expression {
  return { kind: "reference", rule };
}

export function sequence(...parts: readonly Expression[]): Expression {
  const items: Expression[] = [];
  for (const part of parts) {
    if (isNever(part)) return never;
    for (const item of part.kind === "sequence" ? part.items : [part]) append(items, item);
  }
  const [only] = items;
  return items.length === 1 && only !== undefined ? only : { kind: "sequence", items };
}

function append(items: Expression[], item: Expression): void {
  const last = items.at(-1);
  if (item.kind === "literal" && last?.kind === "literal") {
    items[items.length - 1] = { kind: "literal", text: last.text + item.text };
  } else {
    items.push(item);
  }
}

/** Matches any of the parts; equal parts are merged. */
export function choice(...parts: readonly Expression[]): Expression {
  const [single, second] = parts.filter((part) => !isNever(part));
  if (single === undefined || second === undefined) return single ?? never;
  const options = new Map<string, Expression>();
  for (const part of parts) {
    for (const option of part.kind === "choice" ? part.options : [part]) options.set(expressionKey(option), option);
  }
  const [only] = options.values();
  return options.size === 1 && only !== undefined ? only : { kind: "choice", options: [...options.values()] };
}

/** `item` from `min` to `max` times; `max` may be Infinity. */
export function repeat(item: Expression, min: number, max: number): Expression {
  if (isNever(item)) return min === 0 ? empty : never;
  if (isEmpty(item) || max === 0) return empty;
  if (min === 1 && max === 1) return item;
  return { kind: "repeat", item, min, max };
}

export function optional(item: Expression): Expression {
  return repeat(item, 0, 1);
}

/** The expressions within the expression. */
export function innerOf(expression: Expression): readonly Expression[] {
  if ("items" in expression) return expression.items;
  if ("options" in expression) return expression.options;
  return "item" in expression ? [expression.item] : [];
}

function expressionKey(expression: Expression): string {
  switch (expression.kind) {
    case "literal":
      return JSON.stringify(expression.text);
    case "class":
      return `[${setKey(expression.set)}]`;
    case "reference":
      return expression.rule;
    case "sequence":
      return `(${expression.items.map(expressionKey).join(" ")})`;
    case "choice":
      return `(${expression.options.map(expressionKey).join("|")})`;
    case "repeat":
      return `${expressionKey(expression.item)}{${expression.min},${expression.max}}`;
  }
}
