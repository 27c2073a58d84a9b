// Finds the names that `propertyNames` allows. If `propertyNames` lists names, these names count as declared.
import type { CompileContext } from "../compile-context.ts";
import { expandConditions } from "../conjunction.ts";
import { fixedValueFilter, readFixedValues } from "../values/fixed-values.ts";
import { createLanguages } from "../../rules/languages.ts";
import { hasText } from "../strings/patterns.ts";
import { extraConditions, schemaAt } from "./properties.ts";
import { has, type SchemaPart } from "../schema-part.ts";
import { stringsLanguage } from "../strings/string-languages.ts";

export interface AllowedNames {
  has(name: string): boolean;
  /** All allowed names, if the schema lists them; undefined if a pattern or a length decides which names are allowed. */
  readonly listed: readonly string[] | undefined;
}

/** The allowed names; undefined if any name is allowed. */
export function finiteNames(context: CompileContext, parts: readonly SchemaPart[]): AllowedNames | undefined {
  const conditions = parts.flatMap((part) => (has(part, "propertyNames") ? [schemaAt(part, "propertyNames")] : []));
  if (conditions.length === 0) return undefined;
  const { grammar, document } = context;
  const languages = createLanguages(grammar.spend);
  const language = stringsLanguage(context, languages, conditions);
  const conjunction = expandConditions(document, conditions, grammar);
  const values = conjunction.unions.length === 0 ? readFixedValues(conjunction.parts, grammar) : undefined;
  const texts = values && [...values.values()].filter(fixedValueFilter(grammar, conjunction.parts));
  const isOpen = extraConditions(parts) !== undefined || parts.some((part) => has(part, "patternProperties"));
  return {
    has: (name) => hasText(languages, language, name),
    listed: texts && (isOpen ? texts.flatMap(({ value }) => (typeof value === "string" ? [value] : [])) : []),
  };
}
