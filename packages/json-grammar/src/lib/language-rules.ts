// Owns turning a language into grammar rules: as it was written where one character tells the way, else state by state. Either way
// the reader of the grammar never has to follow two ways at once.
import { buildAutomaton, type State } from "./automaton.ts";
import { choice, empty, never, reference, repeat, sequence, type Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";
import type { CharSet } from "./char-set.ts";
import { partsOf, type Language, type Languages } from "./languages.ts";
import { isPredictive } from "./predictive.ts";

/** How a character of a set is spelled. */
export type CharSpelling = (grammar: Grammar, set: CharSet) => Expression;

/** Where a language can be read in so few ways at once, it is written as it is if its automaton would have more states than are handy. */
const mostWays = 1_500;
const handyStates = 150;

/** How a language is to be written: as it is, or state by state. */
export type LanguagePlan =
  | { readonly kind: "written"; readonly language: Language }
  | { readonly kind: "states"; readonly states: readonly State[] };

/** The texts of the language, each character in its spelling; undefined when that needs too many states. */
export function languageExpression(
  grammar: Grammar,
  languages: Languages,
  language: Language,
  name: string,
  spell: CharSpelling,
): Expression | undefined {
  const plan = planLanguage(languages, language, grammar.limits.patternStates);
  return plan === undefined ? undefined : planExpression(grammar, plan, name, spell);
}

/**
 * As it is where one character tells the way, else state by state; where that needs too many states, as it is all the same, if only few
 * ways to read a text can be open at once.
 */
export function planLanguage(languages: Languages, language: Language, mostStates: number): LanguagePlan | undefined {
  if (isPredictive(language, languages.spend)) return { kind: "written", language };
  const canBeWritten = waysOf(language) <= mostWays;
  const states = buildAutomaton(languages, language, canBeWritten ? Math.min(handyStates, mostStates) : mostStates);
  if (states !== undefined) return { kind: "states", states };
  return canBeWritten ? { kind: "written", language } : undefined;
}

export function planExpression(grammar: Grammar, plan: LanguagePlan, name: string, spell: CharSpelling): Expression {
  if (plan.kind === "written") return asWritten(grammar, plan.language, name, spell);
  return stateByState(grammar, plan.states, name, spell);
}

/** How many ways to read a text can be open at once, at most. Infinity where it has what a grammar cannot say. */
function waysOf(language: Language): number {
  switch (language.kind) {
    case "none":
    case "empty":
    case "set":
      return 1;
    case "concat":
      return partsOf(language).reduce((sum, part) => sum + waysOf(part), 0);
    case "union":
      return language.options.reduce((sum, option) => sum + waysOf(option), 0);
    case "repeat":
      return waysOf(language.item) * (language.max === Infinity ? language.min + 1 : language.max);
    case "intersection":
    case "complement":
      return Infinity;
  }
}

function asWritten(grammar: Grammar, language: Language, name: string, spell: CharSpelling): Expression {
  switch (language.kind) {
    case "empty":
      return empty;
    case "set":
      return spell(grammar, language.set);
    case "concat":
      return sequence(...partsOf(language).map((part) => asWritten(grammar, part, name, spell)));
    case "union":
      return choice(...language.options.map((option) => asWritten(grammar, option, name, spell)));
    case "repeat":
      return grammar.counted(
        asWritten(grammar, language.item, name, spell),
        language.min,
        language.max,
        `${name}-part`,
      );
    case "none":
    case "intersection":
    case "complement":
      return never;
  }
}

/** The texts that an automaton reads. */
export function stateByState(
  grammar: Grammar,
  states: readonly State[],
  name: string,
  spell: CharSpelling,
): Expression {
  const rules = ruleNames(grammar, states, name);

  function enter(number: number): Expression {
    const rule = rules[number];
    return rule === undefined ? leave(number) : reference(rule);
  }

  function leave(number: number): Expression {
    const { accepting, edges } = states[number] ?? { accepting: false, edges: [] };
    const [edge, ...others] = edges;
    if (accepting && edge?.to === number && others.length === 0) {
      return repeat(spell(grammar, edge.set), 0, Infinity);
    }
    const options = edges.map(({ set, to }) => sequence(spell(grammar, set), enter(to)));
    return choice(...options, ...(accepting ? [empty] : []));
  }

  for (const [number, rule] of rules.entries()) if (rule !== undefined) grammar.define(rule, leave(number));
  return states.length === 0 ? never : enter(0);
}

/** Undefined for a state that is written where it is entered: an end, or one with a single way in and a single way on. */
function ruleNames(grammar: Grammar, states: readonly State[], name: string): readonly (string | undefined)[] {
  const entries = countEntries(states);
  return states.map(({ accepting, edges }, number) => {
    const isInline = accepting ? edges.length === 0 : edges.length === 1 && entries[number] === 1;
    return isInline ? undefined : grammar.reserve(name);
  });
}

/** How many edges lead to each state; the start has one more. */
function countEntries(states: readonly State[]): readonly number[] {
  const entries = states.map((_, number) => Number(number === 0));
  for (const { edges } of states) for (const { to } of edges) entries[to] = (entries[to] ?? 0) + 1;
  return entries;
}
