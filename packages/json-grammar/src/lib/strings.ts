// Owns strings: patterns, formats and lengths together, as one language or as a plain count of characters.
import { anyChar } from "./char-set.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { isNever, never, type Expression } from "./expression.ts";
import { formatPatterns } from "./formats.ts";
import { anyString } from "./free-form.ts";
import type { Grammar } from "./grammar.ts";
import { quoted, stringChar } from "./json-text.ts";
import { languageExpression } from "./language-rules.ts";
import { createLanguages, type Language, type Languages } from "./languages.ts";
import type { GrammarLimits } from "./limits.ts";
import { parseRegex, RegexError } from "./parse-regex.ts";
import { languageOfRegex } from "./regex-language.ts";
import { countOf, pathOf, textOf, type SchemaPart } from "./schema-part.ts";
import { textLength } from "./text-length.ts";

/** How many characters of a pattern or a text can be read in a step that is counted. */
const charsPerStep = 10;

interface StringRule {
  readonly source: string;
  readonly path: string;
  readonly keyword: "pattern" | "format";
}

export interface StringConstraints {
  readonly rules: readonly StringRule[];
  readonly minLength: number;
  /** Infinity when there is none. */
  readonly maxLength: number;
}

export function readStringConstraints(parts: readonly SchemaPart[], limits: GrammarLimits): StringConstraints {
  const patterns = parts.flatMap((part) => rulesOf(part, "pattern", (pattern) => pattern));
  // A format is an annotation; a pattern beside it states what is meant, and may be at odds with it.
  const formats = parts.flatMap((part) => rulesOf(part, "format", (format) => formatPatterns.get(format)));
  return {
    rules: patterns.length > 0 ? patterns : formats,
    minLength: Math.max(0, ...parts.map((part) => countOf(part, "minLength", limits.repetitions) ?? 0)),
    maxLength: Math.min(...parts.map((part) => countOf(part, "maxLength", limits.repetitions) ?? Infinity)),
  };
}

function rulesOf(
  part: SchemaPart,
  keyword: StringRule["keyword"],
  patternOf: (value: string) => string | undefined,
): readonly StringRule[] {
  const value = textOf(part, keyword);
  const source = value === undefined ? undefined : patternOf(value);
  return source === undefined ? [] : [{ source, path: pathOf(part, keyword), keyword }];
}

/** Never, when no string fulfils them. @throws UnsupportedSchemaError naming the pattern that cannot be compiled */
export function stringExpression(grammar: Grammar, constraints: StringConstraints, hint: string): Expression {
  const { rules, minLength, maxLength } = constraints;
  if (minLength > maxLength) return never;
  grammar.spend(rules.reduce((chars, { source }) => chars + source.length, 0) / charsPerStep);
  const key = JSON.stringify([rules.map(({ source }) => source), minLength, String(maxLength)]);
  if (rules.length === 0) {
    if (minLength === 0 && maxLength === Infinity) return anyString(grammar);
    const name = `string-${minLength}-${maxLength === Infinity ? "up" : maxLength}`;
    return grammar.shared(key, name, (rule) =>
      quoted(grammar.counted(stringChar(grammar, anyChar), minLength, maxLength, rule)),
    );
  }
  return grammar.shared(key, hint, (name) => quoted(patternExpression(grammar, constraints, name)));
}

/** Tells whether a string of an enum fulfils the keywords beside it. */
export function stringFilter(grammar: Grammar, constraints: StringConstraints): (text: string) => boolean {
  const languages = createLanguages(grammar.spend);
  const { rules, minLength, maxLength } = constraints;
  const language = languages.intersection(rules.map((rule) => ruleLanguage(languages, rule, grammar)));
  return (text) => {
    grammar.spend(text.length / charsPerStep);
    const chars = Array.from(text, (char) => char.codePointAt(0) ?? 0);
    if (chars.length < minLength || chars.length > maxLength) return false;
    return language === languages.all || chars.reduce<Language>(languages.derive, language).nullable;
  };
}

function patternExpression(grammar: Grammar, constraints: StringConstraints, name: string): Expression {
  const { rules, minLength, maxLength } = constraints;
  const { limits } = grammar;
  for (const longest of lengthsToTry(maxLength, minLength, limits)) {
    const languages = createLanguages(grammar.spend);
    const language = languages.intersection(rules.map((rule) => ruleLanguage(languages, rule, grammar)));
    const bounded = boundLength(languages, language, minLength, longest);
    const expression = languageExpression(grammar, languages, bounded, name);
    if (expression !== undefined && !(isNever(expression) && longest < maxLength)) return expression;
  }
  const [first] = rules;
  const reason = `needs an automaton of more than ${limits.patternStates} states, lengths included`;
  throw new UnsupportedSchemaError(first?.path ?? "", first?.keyword ?? "pattern", reason);
}

/** Each character counted costs a state at least, so a length that needs too many is halved until it fits: shorter texts are just as valid. */
function lengthsToTry(maxLength: number, minLength: number, limits: GrammarLimits): readonly number[] {
  const lengths = [maxLength];
  if (maxLength === Infinity) return lengths;
  const halves = Math.min(Math.floor(maxLength / 2), limits.patternStates);
  for (let length = halves; length >= Math.max(minLength, 1); length = Math.floor(length / 2)) lengths.push(length);
  return lengths;
}

function boundLength(languages: Languages, language: Language, min: number, max: number): Language {
  const length = textLength(language);
  if (length.min >= min && length.max <= max) return language;
  const { anyOne } = languages;
  return languages.intersection([language, languages.repeat(anyOne, min, max)]);
}

function ruleLanguage(languages: Languages, rule: StringRule, { limits, spend }: Grammar): Language {
  spend(rule.source.length / charsPerStep);
  try {
    return languageOfRegex(languages, parseRegex(rule.source, limits));
  } catch (error) {
    if (!(error instanceof RegexError)) throw error;
    throw new UnsupportedSchemaError(rule.path, rule.keyword, error.message);
  }
}
