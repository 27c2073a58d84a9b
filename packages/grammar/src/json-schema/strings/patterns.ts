// Turns a schema's patterns into languages (all texts in which the pattern matches), and tests texts against patterns.
import { UnsupportedSchemaError } from "../../rules/errors.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { createLanguages, type Language, type Languages } from "../../rules/languages.ts";
import { parseRegex, RegexError } from "./parse-regex.ts";
import { languageOfRegex } from "./regex-language.ts";

/** This many characters of a pattern or a text count as one step of `GrammarLimits.steps`. */
const charsPerStep = 10;

/** A pattern, and the place of the pattern in the schema. */
export interface PatternRule {
  readonly source: string;
  readonly path: string;
  readonly keyword: string;
}

/** @throws UnsupportedSchemaError naming the pattern that cannot be compiled */
export function patternLanguage(
  languages: Languages,
  rule: PatternRule,
  { limits, spend }: Pick<Grammar, "limits" | "spend">,
): Language {
  spend(rule.source.length / charsPerStep);
  // The patterns of formats are from this package, and may have any length.
  const isFormat = rule.keyword === "format";
  try {
    return languageOfRegex(
      languages,
      parseRegex(rule.source, isFormat ? { ...limits, patternChars: Infinity } : limits),
    );
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new UnsupportedSchemaError(rule.path, rule.keyword, error.message);
  }
}

interface KnownPatterns {
  readonly languages: Languages;
  readonly bySource: Map<string, Language>;
}

const known = new WeakMap<Grammar, KnownPatterns>();

export function matchesPattern(grammar: Grammar, rule: PatternRule, text: string): boolean {
  const { languages, bySource } = known.get(grammar) ?? {
    languages: createLanguages(grammar.spend),
    bySource: new Map(),
  };
  known.set(grammar, { languages, bySource });
  const language = bySource.get(rule.source) ?? patternLanguage(languages, rule, grammar);
  bySource.set(rule.source, language);
  return hasText(languages, language, text);
}

export function hasText(languages: Languages, language: Language, text: string): boolean {
  languages.spend(text.length / charsPerStep);
  return Array.from(text, (char) => char.codePointAt(0) ?? 0).reduce<Language>(languages.derive, language).nullable;
}
