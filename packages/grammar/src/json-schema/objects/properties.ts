// Reads the keywords for objects: the possible members, and the schemas that apply to each member.
import type { Condition } from "../conjunction.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { asksSomething } from "../keywords.ts";
import { matchesPattern } from "../strings/patterns.ts";
import { has, isRecord, keywordList, namesOf, pathOf, refuse, keywordValue, type SchemaPart } from "../schema-part.ts";

/** This many names or schemas count as one step of `GrammarLimits.steps`. */
const namesPerStep = 10;

/** Names of declared and required members, in the order in which the grammar writes them: declared members first. */
export function memberNames(parts: readonly SchemaPart[], grammar: Grammar): readonly string[] {
  const declared = parts.flatMap((part) => namesOf(part, "properties", grammar.limits.alternatives));
  return [...new Set([...declared, ...requiredNames(parts, grammar)])];
}

export function requiredNames(parts: readonly SchemaPart[], grammar: Grammar): readonly string[] {
  const names = parts.flatMap((part) => {
    // In draft 3 `required` is a boolean in the member's schema.
    if (typeof keywordValue(part, "required") === "boolean") return [];
    const listed = keywordList(part, "required", grammar.limits.alternatives) ?? [];
    grammar.spend(listed.length / namesPerStep);
    return listed.map((name) => {
      if (typeof name !== "string") throw refuse(part, "required", "must be an array of strings");
      return name;
    });
  });
  return [...new Set(names)];
}

/** All schemas for the member of this name. */
export function propertyConditions(parts: readonly SchemaPart[], name: string, grammar: Grammar): readonly Condition[] {
  grammar.spend(parts.length / namesPerStep);
  return parts.flatMap((part) => {
    const patterns = patternsOf(part, grammar).filter((pattern) =>
      matchesPattern(
        grammar,
        { source: pattern, path: pathOf(part, "patternProperties", pattern), keyword: "patternProperties" },
        name,
      ),
    );
    const named = declares(part, name) ? [schemaAt(part, "properties", name)] : [];
    const found = [...named, ...patterns.map((pattern) => schemaAt(part, "patternProperties", pattern))];
    return found.length > 0 ? found : additionalConditions(part);
  });
}

export function patternsOf(part: SchemaPart, grammar: Grammar): readonly string[] {
  return namesOf(part, "patternProperties", grammar.limits.alternatives);
}

/**
 * All schemas for members that no part declares by name or pattern; undefined if such members are not allowed. A schema that lists its
 * properties allows only these properties, unless the schema has `additionalProperties`: many clients write that keyword for the outermost object only.
 */
export function extraConditions(parts: readonly SchemaPart[]): readonly Condition[] | undefined {
  const isListed = parts.some((part) => asksSomething(part, "properties") || asksSomething(part, "patternProperties"));
  const isOpen = !isListed || parts.some((part) => has(part, "additionalProperties"));
  return isOpen ? parts.flatMap(additionalConditions) : undefined;
}

export function schemaAt(part: SchemaPart, ...keys: readonly (string | number)[]): Condition {
  return { kind: "schema", at: pathOf(part, ...keys) };
}

export function additionalConditions(part: SchemaPart): readonly Condition[] {
  return has(part, "additionalProperties") ? [schemaAt(part, "additionalProperties")] : [];
}

function declares(part: SchemaPart, name: string): boolean {
  const properties = keywordValue(part, "properties");
  return isRecord(properties) && Object.hasOwn(properties, name);
}
