// Computes the language of all strings that fulfil conditions; used for member names, which are always strings.
import type { CompileContext } from "../compile-context.ts";
import { expandConditions, type Condition } from "../conjunction.ts";
import { fixedValueFilter, readFixedValues } from "../values/fixed-values.ts";
import type { Language, Languages } from "../../rules/languages.ts";
import type { SchemaPart } from "../schema-part.ts";
import { constrainedLanguage, readStringConstraints, textLanguage } from "./strings.ts";
import { namedTypes } from "../types.ts";
import { alternatives } from "../unions.ts";

/** @throws UnsupportedSchemaError for a pattern that cannot be compiled */
export function stringsLanguage(
  context: CompileContext,
  languages: Languages,
  conditions: readonly Condition[],
): Language {
  context.grammar.spend(1);
  const conjunction = expandConditions(context.document, conditions, context.grammar);
  if (conjunction.impossible) return languages.none;
  if (conjunction.unions.length > 0) {
    return languages.union(
      alternatives(context, conjunction).map((option) => stringsLanguage(context, languages, option)),
    );
  }
  return partsLanguage(context, languages, conjunction.parts);
}

function partsLanguage({ grammar }: CompileContext, languages: Languages, parts: readonly SchemaPart[]): Language {
  const types = namedTypes(parts);
  if (types !== undefined && !types.has("string")) return languages.none;
  const values = readFixedValues(parts, grammar);
  if (values === undefined)
    return constrainedLanguage(grammar, languages, readStringConstraints(parts, grammar.limits));
  const texts = [...values.values()].filter(fixedValueFilter(grammar, parts)).map(({ value }) => value);
  return languages.union(texts.flatMap((text) => (typeof text === "string" ? [textLanguage(languages, text)] : [])));
}
