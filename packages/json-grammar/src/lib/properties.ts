// Owns reading the keywords for objects: which members there can be, and what bears on each of them.
import type { Condition } from "./conjunction.ts";
import type { Grammar } from "./grammar.ts";
import { has, isRecord, listOf, namesOf, pathOf, refuse, valueOf, type SchemaPart } from "./schema-part.ts";

/** How many names or schemas can be looked at in a step that is counted. */
const namesPerStep = 10;

/** Names in the order in which they are written: declared ones first. */
export function memberNames(parts: readonly SchemaPart[], grammar: Grammar): readonly string[] {
  const declared = parts.flatMap((part) => namesOf(part, "properties", grammar.limits.alternatives));
  return [...new Set([...declared, ...requiredNames(parts, grammar)])];
}

export function requiredNames(parts: readonly SchemaPart[], grammar: Grammar): readonly string[] {
  const names = parts.flatMap((part) => {
    const required = listOf(part, "required", grammar.limits.alternatives) ?? [];
    grammar.spend(required.length / namesPerStep);
    return required.map((name) => {
      if (typeof name !== "string") throw refuse(part, "required", "must be an array of strings");
      return name;
    });
  });
  return [...new Set(names)];
}

/** Everything that bears on the member of this name. */
export function propertyConditions(
  parts: readonly SchemaPart[],
  name: string,
  { spend }: Pick<Grammar, "spend">,
): readonly Condition[] {
  spend(parts.length / namesPerStep);
  return parts.flatMap((part) => {
    if (declares(part, name)) return [{ kind: "schema" as const, at: pathOf(part, "properties", name) }];
    return additionalConditions(part);
  });
}

/**
 * Everything that bears on members that no part declares. Undefined when there are to be none: a schema that lists its properties
 * means these, unless it says otherwise.
 */
export function extraConditions(parts: readonly SchemaPart[]): readonly Condition[] | undefined {
  const isOpen =
    parts.some((part) => has(part, "additionalProperties")) || !parts.some((part) => has(part, "properties"));
  return isOpen ? parts.flatMap(additionalConditions) : undefined;
}

function declares(part: SchemaPart, name: string): boolean {
  const properties = valueOf(part, "properties");
  return isRecord(properties) && Object.hasOwn(properties, name);
}

function additionalConditions(part: SchemaPart): readonly Condition[] {
  if (!has(part, "additionalProperties")) return [];
  return [{ kind: "schema", at: pathOf(part, "additionalProperties") }];
}
