// Finds the names that undeclared members may have, and the schemas that apply to these members.
import { isNever, never, type Expression } from "../../rules/expression.ts";
import type { CompileContext } from "../compile-context.ts";
import type { Condition } from "../conjunction.ts";
import { anyName } from "../values/free-form.ts";
import { spelledNames } from "../values/json-text.ts";
import { languageExpression, stateByState } from "../../rules/language-rules.ts";
import { allBut } from "../../rules/automaton.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { createLanguages, type Language, type Languages } from "../../rules/languages.ts";
import { patternLanguage } from "../strings/patterns.ts";
import { additionalConditions, extraConditions, patternsOf, schemaAt } from "./properties.ts";
import { has, pathOf, refuse, type SchemaPart } from "../schema-part.ts";
import { textLanguage } from "../strings/strings.ts";
import { stringsLanguage } from "../strings/string-languages.ts";

/** Each character of a declared name counts as this many steps, since undeclared names must differ from declared names. */
const stepsPerChar = 10;

/** Limit for the kinds of names that patterns distinguish. Each pattern can double the number of kinds. */
const mostKinds = 48;

/** Names of one kind: the same patterns match all these names. */
export interface NameKind {
  readonly name: Expression;
  readonly conditions: readonly Condition[];
}

interface Kind {
  readonly language: Language;
  /** For each part, the schemas of the patterns that match the names. */
  readonly matched: ReadonlyMap<SchemaPart, readonly Condition[]>;
}

/** @param taken names of declared members */
export function otherNames(
  context: CompileContext,
  parts: readonly SchemaPart[],
  taken: readonly string[],
  hint: string,
): readonly NameKind[] {
  const { grammar } = context;
  const rest = extraConditions(parts);
  const hasPatterns = parts.some((part) => patternsOf(part, grammar).length > 0);
  if (rest === undefined && !hasPatterns) return [];
  grammar.spend(taken.reduce((steps, name) => steps + name.length * stepsPerChar, 0));
  const isAny = !hasPatterns && !parts.some((part) => has(part, "propertyNames"));
  if (isAny) return [{ name: otherThan(grammar, taken, hint), conditions: rest ?? [] }];
  const languages = createLanguages(grammar.spend);
  const limits = parts.flatMap((part) => (has(part, "propertyNames") ? [schemaAt(part, "propertyNames")] : []));
  const allowed = limits.length === 0 ? languages.all : stringsLanguage(context, languages, limits);
  const names = [...taken, ...(grammar.notation.bareNames ? [""] : [])].map((name) => textLanguage(languages, name));
  const free = languages.intersection([allowed, languages.complement(languages.union(names))]);
  return splitByPatterns(context, languages, parts, free).flatMap(({ language, matched }) => {
    if (matched.size === 0 && rest === undefined) return [];
    const name = nameExpression(context, languages, language, parts, hint);
    if (isNever(name)) return [];
    return [{ name, conditions: parts.flatMap((part) => matched.get(part) ?? additionalConditions(part)) }];
  });
}

function otherThan(grammar: Grammar, taken: readonly string[], hint: string): Expression {
  if (taken.length === 0) return anyName(grammar);
  // A name without quotes cannot be empty.
  const names = [...taken, ...(grammar.notation.bareNames ? [""] : [])].toSorted();
  // The rule is shared, because schemas that extend one another and options of a union often declare the same names.
  return grammar.shared(`other than ${JSON.stringify(names)}`, `${hint}-key`, (rule) =>
    spelledNames(grammar, (spell) => stateByState(grammar, allBut(names), rule, spell)),
  );
}

function splitByPatterns(
  { grammar }: CompileContext,
  languages: Languages,
  parts: readonly SchemaPart[],
  free: Language,
): readonly Kind[] {
  let kinds: readonly Kind[] = [{ language: free, matched: new Map() }];
  for (const part of parts) {
    for (const pattern of patternsOf(part, grammar)) {
      const path = pathOf(part, "patternProperties", pattern);
      const language = patternLanguage(languages, { source: pattern, path, keyword: "patternProperties" }, grammar);
      const condition = schemaAt(part, "patternProperties", pattern);
      kinds = kinds.flatMap((kind): readonly Kind[] => {
        const conditions = [...(kind.matched.get(part) ?? []), condition];
        const within = languages.intersection([kind.language, language]);
        const without = languages.intersection([kind.language, languages.complement(language)]);
        return [
          { language: within, matched: new Map([...kind.matched, [part, conditions]]) },
          { language: without, matched: kind.matched },
        ].filter((one) => one.language !== languages.none);
      });
      if (kinds.length > mostKinds)
        throw refuse(part, "patternProperties", `divides names into more than ${mostKinds} kinds`);
    }
  }
  return kinds;
}

function nameExpression(
  { grammar }: CompileContext,
  languages: Languages,
  language: Language,
  parts: readonly SchemaPart[],
  hint: string,
): Expression {
  if (language === languages.all) return anyName(grammar);
  let isTooLarge = false;
  const expression = spelledNames(grammar, (spell) => {
    const written = languageExpression(grammar, languages, language, `${hint}-key`, spell);
    isTooLarge ||= written === undefined;
    return written ?? never;
  });
  if (!isTooLarge) return expression;
  const keyword = ["patternProperties", "additionalProperties"].find((one) => parts.some((part) => has(part, one)));
  const owner = parts.find((part) => has(part, keyword ?? "properties")) ?? parts[0];
  const reason = `needs an automaton of more than ${grammar.limits.patternStates} states for the other names`;
  throw refuse(owner ?? { path: "", schema: {} }, keyword ?? "properties", reason);
}
