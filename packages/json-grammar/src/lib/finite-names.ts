// Owns names that propertyNames lists: they are as good as declared.
import type { CompileContext } from "./compile-context.ts";
import { expandConditions } from "./conjunction.ts";
import { fixedValueFilter, readFixedValues } from "./fixed-values.ts";
import { createLanguages } from "./languages.ts";
import { hasText } from "./patterns.ts";
import { extraConditions, schemaAt } from "./properties.ts";
import { has, type SchemaPart } from "./schema-part.ts";
import { stringsLanguage } from "./string-languages.ts";

export interface AllowedNames {
  has(name: string): boolean;
  /** All of them, where they are listed; undefined where a pattern or a length tells. */
  readonly listed: readonly string[] | undefined;
}

/** Undefined when any name will do. */
export function finiteNames(context: CompileContext, parts: readonly SchemaPart[]): AllowedNames | undefined {
  const conditions = parts.flatMap((part) => (has(part, "propertyNames") ? [schemaAt(part, "propertyNames")] : []));
  if (conditions.length === 0) return undefined;
  const { grammar, document } = context;
  const languages = createLanguages(grammar.spend);
  const language = stringsLanguage(context, languages, conditions);
  const conjunction = expandConditions(document, conditions, grammar);
  const values = conjunction.unions.length === 0 ? readFixedValues(conjunction.parts, grammar) : undefined;
  const texts = values && [...values.values()].filter(fixedValueFilter(grammar, conjunction.parts));
  const isOpen = extraConditions(parts, document) !== undefined || parts.some((part) => has(part, "patternProperties"));
  return {
    has: (name) => hasText(languages, language, name),
    listed: texts && (isOpen ? texts.flatMap(({ value }) => (typeof value === "string" ? [value] : [])) : []),
  };
}
