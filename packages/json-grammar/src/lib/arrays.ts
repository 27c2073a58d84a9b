// Owns arrays: the items that stand at fixed places, those that follow, and how many there may be.
import type { CompileContext } from "./compile-context.ts";
import type { Condition } from "./conjunction.ts";
import { isNever, literal, never, optional, sequence, type Expression } from "./expression.ts";
import { comma } from "./json-text.ts";
import { countOf, has, listOf, pathOf, refuse, valueOf, type SchemaPart } from "./schema-part.ts";

/** How many schemas can be looked at in a step that is counted. */
const partsPerStep = 10;

/** Never, when there cannot be as many items as there have to be. */
export function arrayExpression(context: CompileContext, parts: readonly SchemaPart[], name: string): Expression {
  const { limits } = context.grammar;
  for (const part of parts) {
    if (Array.isArray(valueOf(part, "items"))) throw refuse(part, "items", "must be one schema: use prefixItems");
  }
  const min = Math.max(0, ...parts.map((part) => countOf(part, "minItems", limits.repetitions) ?? 0));
  const max = Math.min(...parts.map((part) => countOf(part, "maxItems", limits.repetitions) ?? Infinity));
  const prefix = prefixItems(context, parts, max);
  if (min > max || prefix.length < Math.min(min, prefixLength(parts, context))) return never;
  const rest = restItems(context, parts, prefix.length, min);
  if (isNever(rest) && min > prefix.length) return never;
  return sequence(literal("["), itemList(context, prefix, rest, { min, max, name }), literal("]"));
}

/**
 * What stands at the fixed places, all of them unless `max` says less: by the letter an array may end before, but who writes
 * prefixItems means a tuple. Ends before a place that nothing can fill.
 */
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

function prefixLength(parts: readonly SchemaPart[], context: CompileContext): number {
  return Math.max(0, ...parts.map((part) => prefixOf(context, part).length));
}

function prefixOf(context: CompileContext, part: SchemaPart): readonly unknown[] {
  return listOf(part, "prefixItems", context.grammar.limits.alternatives) ?? [];
}

function conditionsAt(context: CompileContext, part: SchemaPart, index: number): readonly Condition[] {
  if (index < prefixOf(context, part).length) return [{ kind: "schema", at: pathOf(part, "prefixItems", index) }];
  return itemConditions(part);
}

function itemConditions(part: SchemaPart): readonly Condition[] {
  return has(part, "items") ? [{ kind: "schema", at: pathOf(part, "items") }] : [];
}

/** What stands after the fixed places. Nothing, where a tuple says no more and is long enough, or could not be filled. */
function restItems(context: CompileContext, parts: readonly SchemaPart[], placed: number, min: number): Expression {
  if (placed < prefixLength(parts, context)) return never;
  const isTuple = placed > 0 && !parts.some((part) => has(part, "items"));
  if (isTuple && min <= placed) return never;
  return context.compile(parts.flatMap(itemConditions));
}

function itemList(
  context: CompileContext,
  prefix: readonly Expression[],
  rest: Expression,
  { min, max, name }: { readonly min: number; readonly max: number; readonly name: string },
): Expression {
  const { grammar } = context;
  const separator = comma(grammar);
  const [first, ...others] = prefix;
  const next = (least: number, most: number): Expression => {
    if (isNever(rest)) return sequence();
    const item = most === 1 || most <= 0 ? sequence(separator, rest) : nextItem(context, rest, name);
    return grammar.counted(item, Math.max(0, least), Math.max(0, most), `${name}-next`);
  };
  if (first !== undefined) {
    const placed = sequence(first, ...others.map((item) => sequence(separator, item)));
    return sequence(placed, next(min - prefix.length, max - prefix.length));
  }
  if (max === 0 || isNever(rest)) return sequence();
  const list = sequence(rest, next(min - 1, max - 1));
  return min === 0 ? optional(list) : list;
}

/** A comma and one more item. */
function nextItem(context: CompileContext, item: Expression, name: string): Expression {
  const { grammar } = context;
  return grammar.define(grammar.reserve(`${name}-next`), sequence(comma(grammar), item));
}
