// Combines the patterns, formats and lengths of strings into one language, or into a plain count of characters.
import { codePoint, intersectSets } from "../../rules/char-set.ts";
import { UnsupportedSchemaError } from "../../rules/errors.ts";
import { isNever, type Expression } from "../../rules/expression.ts";
import { formatPatterns, shortFormat } from "./formats.ts";
import type { Grammar } from "../../rules/grammar.ts";
import {
  languageExpression,
  planExpression,
  planLanguage,
  type CharSpelling,
  type LanguagePlan,
} from "../../rules/language-rules.ts";
import { limitLength } from "./limit-length.ts";
import { createLanguages, type Language, type Languages } from "../../rules/languages.ts";
import { defaultGrammarLimits, type GrammarLimits } from "../../rules/limits.ts";
import { hasText, patternLanguage, type PatternRule } from "./patterns.ts";
import { countsOf, pathOf, keywordText, type SchemaPart } from "../schema-part.ts";
import { textLength, type TextLength } from "./text-length.ts";

/** If counting the characters of a pattern's texts needs too many states, the pattern's repetitions share at most this many characters. */
const longestShared = 4_096;

/** A pattern or a format that the text must match. */
interface StringRule extends PatternRule {
  /** The format's name; "" for patterns. */
  readonly format: string;
}

export interface StringConstraints {
  readonly patterns: readonly StringRule[];
  /** Formats apply only if some text fulfils the formats and the patterns: by the standard, formats are annotations. */
  readonly formats: readonly StringRule[];
  readonly minLength: number;
  /** Maximum number of characters; Infinity without a limit. */
  readonly maxLength: number;
}

export function readStringConstraints(parts: readonly SchemaPart[], limits: GrammarLimits): StringConstraints {
  const patterns = parts.flatMap((part) => rulesOf(part, "pattern", (pattern) => pattern));
  const formats = parts.flatMap((part) => rulesOf(part, "format", (format) => formatPatterns.get(format)));
  const { min, max } = countsOf(parts, "minLength", "maxLength", limits.repetitions);
  return { patterns, formats, minLength: min, maxLength: max };
}

function rulesOf(
  part: SchemaPart,
  keyword: string,
  patternOf: (value: string) => string | undefined,
): readonly StringRule[] {
  const value = keywordText(part, keyword);
  const source = value === undefined ? undefined : patternOf(value);
  if (value === undefined || source === undefined) return [];
  return [{ source, path: pathOf(part, keyword), keyword, format: keyword === "format" ? value : "" }];
}

/** A key that is equal for equal constraints. */
export function constraintsKey({ patterns, formats, minLength, maxLength }: StringConstraints): string {
  const rules = [...patterns, ...formats].map(({ source, keyword }) => [source, keyword]);
  return JSON.stringify([rules, minLength, String(maxLength)]);
}

export function isPlain({ patterns, formats }: StringConstraints): boolean {
  return patterns.length === 0 && formats.length === 0;
}

/** Returns a function that checks whether a string of an enum fulfils the other keywords of the schema. */
export function stringFilter(grammar: Grammar, constraints: StringConstraints): (text: string) => boolean {
  if (isPlain(constraints) && constraints.minLength === 0 && constraints.maxLength === Infinity) return () => true;
  const languages = createLanguages(grammar.spend);
  const { minLength, maxLength } = constraints;
  const language = rulesLanguage(grammar, languages, constraints, true);
  return (text) => {
    const length = Array.from(text).length;
    if (length < minLength || length > maxLength) return false;
    return language === languages.all || hasText(languages, language, text);
  };
}

/** The language of all strings that fulfil the constraints. */
export function constrainedLanguage(grammar: Grammar, languages: Languages, constraints: StringConstraints): Language {
  const language = rulesLanguage(grammar, languages, constraints, true);
  return boundLength(languages, language, constraints.minLength, constraints.maxLength);
}

/** The spelling of texts, and a further condition on the texts. */
export interface LanguageSpelling {
  readonly name: string;
  readonly spell: CharSpelling;
  /** @returns the language of the allowed texts */
  readonly within?: (languages: Languages) => Language;
}

/** Writes the strings that fulfil the constraints. Formats are ignored if formats and patterns contradict each other or need too many states. */
export function languageText(grammar: Grammar, constraints: StringConstraints, spelling: LanguageSpelling): Expression {
  const isMixed = constraints.patterns.length > 0 && constraints.formats.length > 0;
  for (const withFormats of isMixed ? [true, false] : [true]) {
    const expression = boundedText(grammar, constraints, spelling, withFormats);
    if (expression !== undefined && !(isNever(expression) && isMixed && withFormats)) return expression;
  }
  const [first] = [...constraints.patterns, ...constraints.formats];
  const reason = `needs an automaton of more than ${grammar.limits.patternStates} states, lengths included`;
  throw new UnsupportedSchemaError(first?.path ?? "", first?.keyword ?? "maxLength", reason);
}

function boundedText(
  grammar: Grammar,
  constraints: StringConstraints,
  spelling: LanguageSpelling,
  withFormats: boolean,
): Expression | undefined {
  const { name, spell, within } = spelling;
  const { minLength, maxLength } = constraints;
  const plan = within === undefined ? knownPlan(grammar, constraints) : undefined;
  if (plan !== undefined) return planExpression(grammar, plan, name, spell);

  function written(longest: number, isCounted: boolean): Expression | undefined {
    const languages = createLanguages(grammar.spend);
    const language = rulesLanguage(grammar, languages, constraints, withFormats);
    const limited = isCounted ? language : limitLength(languages, language, longest);
    if (limited === undefined) return undefined;
    const bounded = boundLength(languages, limited, minLength, isCounted ? longest : Infinity);
    const all = within === undefined ? bounded : languages.intersection([bounded, within(languages)]);
    return languageExpression(grammar, languages, all, name, spell);
  }

  const short = shortFormatOf(constraints);
  if (short !== undefined && withFormats) return boundedText(grammar, short, spelling, true);
  const exact = written(maxLength, true);
  if (exact !== undefined) return exact;
  if (maxLength === Infinity) return undefined;
  const shared = written(Math.min(maxLength, longestShared), false);
  if (shared !== undefined && !isNever(shared)) return shared;
  for (const longest of shorterLengths(maxLength, minLength, grammar.limits)) {
    const expression = written(longest, true);
    if (expression !== undefined && !isNever(expression)) return expression;
  }
  return undefined;
}

/** The same constraints, with a format of limited length instead of the maximum length; undefined if there is no such format. */
function shortFormatOf(constraints: StringConstraints): StringConstraints | undefined {
  const { formats, maxLength } = constraints;
  const [format] = formats;
  const source = format && formats.length === 1 ? shortFormat(format.format, maxLength) : undefined;
  if (format === undefined || source === undefined) return undefined;
  return { ...constraints, formats: [{ ...format, source, format: "" }], maxLength: Infinity };
}

interface FormatPlan {
  readonly length: TextLength;
  readonly plan: LanguagePlan | undefined;
}

/** Cache of plans for all grammars: formats are few and do not change. */
const formatPlans = new Map<string, FormatPlan>();
/** Cost of using a cached plan, in counted steps. */
const stepsPerPlan = 100;

/** The cached plan, if a format is the only constraint and its texts have the required length. */
function knownPlan(grammar: Grammar, constraints: StringConstraints): LanguagePlan | undefined {
  const { patterns, formats, minLength, maxLength } = constraints;
  const [format] = formats;
  if (format === undefined || format.format === "" || formats.length > 1 || patterns.length > 0) return undefined;
  grammar.spend(stepsPerPlan);
  const known = formatPlans.get(format.source) ?? planFormat(format);
  formatPlans.set(format.source, known);
  const isWithin = known.length.min >= minLength && known.length.max <= maxLength;
  const states = known.plan?.kind === "states" ? known.plan.states.length : 0;
  return isWithin && states <= grammar.limits.patternStates ? known.plan : undefined;
}

function planFormat(format: StringRule): FormatPlan {
  const languages = createLanguages(() => {});
  const limits = { ...defaultGrammarLimits, patternChars: Infinity };
  const language = patternLanguage(languages, format, { limits, spend: () => {} });
  return { length: textLength(language), plan: planLanguage(languages, language, limits.patternStates) };
}

function rulesLanguage(
  grammar: Grammar,
  languages: Languages,
  { patterns, formats }: StringConstraints,
  withFormats: boolean,
): Language {
  const rules = [...patterns, ...(withFormats ? formats : [])];
  return languages.intersection(rules.map((rule) => patternLanguage(languages, rule, grammar)));
}

/** The language of one text. */
export function textLanguage(languages: Languages, text: string): Language {
  return languages.concat(
    Array.from(text, codePoint).map((char) => languages.set(intersectSets([[char, char]], languages.alphabet))),
  );
}

/** Maximum lengths to try, each half of the previous length. Each counted character costs a state, and shorter texts are also valid. */
function shorterLengths(maxLength: number, minLength: number, limits: GrammarLimits): readonly number[] {
  const lengths: number[] = [];
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
