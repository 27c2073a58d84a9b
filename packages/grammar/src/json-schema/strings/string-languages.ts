// Computes the language of all strings that fulfil conditions; used for member names, which are always strings.
import type { CompileContext } from "../compile-context.ts";
import type { Condition } from "../conjunction.ts";
import { fixedValueFilter, readFixedValues } from "../values/fixed-values.ts";
import type { Language, Languages } from "../../rules/languages.ts";
import type { SchemaPart } from "../schema-part.ts";
import { constrainedLanguage, readStringConstraints, textLanguage } from "./strings.ts";
import { namedTypes } from "../types.ts";
import { alternativeParts } from "../unions.ts";

/** @throws UnsupportedSchemaError for a pattern that cannot be compiled */
export function stringsLanguage(
  context: CompileContext,
  languages: Languages,
  conditions: readonly Condition[],
): Language {
  const options = Array.from(alternativeParts(context, conditions), (parts) =>
    partsLanguage(context, languages, parts),
  );
  return languages.union(options);
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
