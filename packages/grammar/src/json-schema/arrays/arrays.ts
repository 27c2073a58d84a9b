// Writes arrays: the items at fixed positions, the items after the fixed positions, and the number of items.
import type { CompileContext } from "../compile-context.ts";
import {
  choice,
  isNever,
  literal,
  never,
  optional,
  repeat,
  sequence,
  type Expression,
} from "../../rules/expression.ts";
import { comma } from "../values/json-text.ts";
import { countsOf, has, refuse, type SchemaPart } from "../schema-part.ts";
import { schemaAt } from "../objects/properties.ts";
import { conditionsAt, itemConditions, prefixLength, restKeyword } from "./positions.ts";

/** Reading this many schemas of a list counts as one step of `GrammarLimits.steps`. */
const partsPerStep = 10;

/** In lists of at most this many items, any item may fulfil `contains`; in longer lists, the first item must fulfil `contains`. */
const mostPlaces = 32;

interface Counts {
  readonly min: number;
  readonly max: number;
  readonly name: string;
}

/** Returns `never` if the maximum number of items is below the minimum. */
export function arrayExpression(context: CompileContext, parts: readonly SchemaPart[], name: string): Expression {
  const { limits } = context.grammar;
  const { min, max } = countsOf(parts, "minItems", "maxItems", limits.repetitions);
  if (min > max) return never;
  return sequence(literal("["), itemsOf(context, parts, { min, max, name }), literal("]"));
}

function itemsOf(context: CompileContext, parts: readonly SchemaPart[], counts: Counts): Expression {
  const { min, max } = counts;
  const prefix = prefixItems(context, parts, max);
  const length = prefixLength(parts, context);
  const isOpen = parts.some((part) => has(part, "minItems"));
  if (prefix.length < Math.min(min, length)) return never;
  const rest = restItems(context, parts, prefix.length, min);
  if (isNever(rest) && min > prefix.length) return never;
  const contains = parts.filter((part) => has(part, "contains"));
  const [wanted, second] = contains;
  if (wanted === undefined) return itemList(context, prefix, rest, { ...counts, isOpen });
  if (second !== undefined || prefix.length > 0) {
    throw refuse(wanted, "contains", "is not supported together with another one or with a tuple");
  }
  const hit = context.compile([...parts.flatMap(itemConditions), schemaAt(wanted, "contains")]);
  return containingList(context, rest, hit, counts);
}

/** The items at fixed positions, at most `max`. The list ends before a position that no value fits. */
function prefixItems(context: CompileContext, parts: readonly SchemaPart[], max: number): readonly Expression[] {
  const items: Expression[] = [];
  const length = Math.min(prefixLength(parts, context), max);
  for (let index = 0; index < length; index += 1) {
    context.grammar.spend(parts.length / partsPerStep);
    const item = context.compile(parts.flatMap((part) => conditionsAt(context, part, index)));
    if (isNever(item)) break;
    items.push(item);
  }
  return items;
}

/** The items after the fixed positions; `never` if no value fits a fixed position, or if further items are neither declared nor required. */
function restItems(context: CompileContext, parts: readonly SchemaPart[], placed: number, min: number): Expression {
  if (placed < prefixLength(parts, context)) return never;
  const isTuple = placed > 0 && !parts.some((part) => has(part, restKeyword(part)));
  if (isTuple && min <= placed) return never;
  return context.compile(parts.flatMap(itemConditions));
}

/**
 * Writes the fixed positions, then the other items. The standard lets an array end before any fixed position, but schemas usually mean a
 * complete tuple. So the array may end early only if the schema has `minItems` (`isOpen`), and only after `minItems` items.
 */
function itemList(
  context: CompileContext,
  prefix: readonly Expression[],
  rest: Expression,
  { min, max, name, isOpen }: Counts & { readonly isOpen: boolean },
): Expression {
  const { grammar } = context;
  const separator = comma(grammar);
  const next = (least: number, most: number): Expression => {
    if (isNever(rest)) return sequence();
    const item = most === 1 || most <= 0 ? sequence(separator, rest) : nextItem(context, rest, name);
    return grammar.counted(item, Math.max(0, least), Math.max(0, most), `${name}-next`);
  };
  if (prefix.length > 0) {
    const required = isOpen ? min : prefix.length;
    return prefix.reduceRight<Expression>(
      (after, item, index) => {
        const placed = sequence(index === 0 ? sequence() : separator, item, after);
        return index < required ? placed : optional(placed);
      },
      next(min - prefix.length, max - prefix.length),
    );
  }
  if (max === 0 || isNever(rest)) return sequence();
  const list = sequence(rest, next(min - 1, max - 1));
  return min === 0 ? optional(list) : list;
}

/** Writes lists in which at least one item fulfils `contains`. */
function containingList(
  context: CompileContext,
  item: Expression,
  hit: Expression,
  { min, max, name }: Counts,
): Expression {
  if (isNever(hit) || max === 0) return never;
  const { grammar } = context;
  const separator = comma(grammar);
  const before = sequence(item, separator);
  const next = isNever(item) ? never : nextItem(context, item, name);
  const after = (count: number): Expression =>
    grammar.counted(next, Math.max(0, min - count), max - count, `${name}-next`);
  if (min <= 1 && max === Infinity) return sequence(repeat(before, 0, Infinity), hit, after(1));
  const places = Array.from({ length: max <= mostPlaces ? max : 1 }, (_, place) => place);
  return choice(...places.map((place) => sequence(...places.slice(0, place).map(() => before), hit, after(place + 1))));
}

/** A comma and one more item. */
function nextItem(context: CompileContext, item: Expression, name: string): Expression {
  const { grammar } = context;
  return grammar.define(grammar.reserve(`${name}-next`), sequence(comma(grammar), item));
}
