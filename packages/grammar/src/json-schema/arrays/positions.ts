// Finds the schemas that apply to the items of an array: those of fixed positions, and those of further items.
import type { CompileContext } from "../compile-context.ts";
import type { Condition } from "../conjunction.ts";
import { schemaAt } from "../objects/properties.ts";
import { has, keywordList, keywordValue, type SchemaPart } from "../schema-part.ts";

export function prefixLength(parts: readonly SchemaPart[], context: CompileContext): number {
  return Math.max(0, ...parts.map((part) => prefixOf(context, part).length));
}

/** Reads `prefixItems` (2020-12), or `items` as a list (earlier drafts, with `additionalItems` for further items). */
function prefixOf(context: CompileContext, part: SchemaPart): readonly unknown[] {
  return keywordList(part, prefixKeyword(part), context.grammar.limits.alternatives) ?? [];
}

function prefixKeyword(part: SchemaPart): "items" | "prefixItems" {
  return Array.isArray(keywordValue(part, "items")) ? "items" : "prefixItems";
}

export function restKeyword(part: SchemaPart): "items" | "additionalItems" {
  return prefixKeyword(part) === "items" ? "additionalItems" : "items";
}

export function conditionsAt(context: CompileContext, part: SchemaPart, index: number): readonly Condition[] {
  if (index < prefixOf(context, part).length) return [schemaAt(part, prefixKeyword(part), index)];
  return itemConditions(part);
}

export function itemConditions(part: SchemaPart): readonly Condition[] {
  return has(part, restKeyword(part)) ? [schemaAt(part, restKeyword(part))] : [];
}
