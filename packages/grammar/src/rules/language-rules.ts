// Turns a language into grammar rules: by its structure if the next character always decides how to continue, otherwise state by state. In both
// forms the matcher follows one reading at a time. A language whose automaton is too large keeps its structure if few readings can be open at once.
import { buildAutomaton, type State } from "./automaton.ts";
import { choice, empty, never, reference, repeat, sequence, type Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";
import type { CharSet } from "./char-set.ts";
import { concatenatedParts, type Language, type Languages } from "./languages.ts";
import { isPredictive } from "./predictive.ts";

/** The spelling of a character of a set. */
export type CharSpelling = (grammar: Grammar, set: CharSet) => Expression;

/** If the automaton of a language needs more than `handyStates` and at most this many readings are open at once, the language keeps its structure. */
const mostWays = 1_500;
const handyStates = 150;

/** The form of a language's rules: by its structure (`written`), or state by state. */
export type LanguagePlan =
  | { readonly kind: "written"; readonly language: Language }
  | { readonly kind: "states"; readonly states: readonly State[] };

/** Writes the texts of the language, each character in its spelling. Undefined if the language needs too many states. */
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
 * Chooses the structure if the next character always decides how to continue, otherwise the states. If the automaton has too many states, chooses
 * the structure, provided that few readings of a text can be open at once. Undefined if neither is possible.
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

/** Limit for the readings of a text that can be open at once. Infinity if the language has parts that a grammar cannot express. */
function waysOf(language: Language): number {
  switch (language.kind) {
    case "none":
    case "empty":
    case "set":
      return 1;
    case "concat":
      return concatenatedParts(language).reduce((sum, part) => sum + waysOf(part), 0);
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
      return sequence(...concatenatedParts(language).map((part) => asWritten(grammar, part, name, spell)));
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

/** Writes the texts that an automaton accepts. */
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

/** The rule names of the states; undefined for a state that is written inline: an end, or a state with one edge in and one edge out. */
function ruleNames(grammar: Grammar, states: readonly State[], name: string): readonly (string | undefined)[] {
  const entries = countEntries(states);
  return states.map(({ accepting, edges }, number) => {
    const isInline = accepting ? edges.length === 0 : edges.length === 1 && entries[number] === 1;
    return isInline ? undefined : grammar.reserve(name);
  });
}

/** The number of edges that lead to each state. For the start, the number is one higher. */
function countEntries(states: readonly State[]): readonly number[] {
  const entries = states.map((_, number) => Number(number === 0));
  for (const { edges } of states) for (const { to } of edges) entries[to] = (entries[to] ?? 0) + 1;
  return entries;
}
