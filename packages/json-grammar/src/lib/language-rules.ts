// Owns turning a language into grammar rules: as it was written where one character tells the way, else state by state. Either way
// the reader of the grammar never has to follow two ways at once.
import { buildAutomaton, type State } from "./automaton.ts";
import { choice, empty, never, reference, repeat, sequence, type Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";
import { stringChar } from "./json-text.ts";
import { partsOf, type Language, type Languages } from "./languages.ts";
import { isPredictive } from "./predictive.ts";

/** The texts of the language, escaped as a JSON string's content; undefined when that needs too many states. */
export function languageExpression(
  grammar: Grammar,
  languages: Languages,
  language: Language,
  name: string,
): Expression | undefined {
  if (isPredictive(language, grammar.spend)) return asWritten(grammar, language, name);
  const states = buildAutomaton(languages, language, grammar.limits.patternStates);
  return states === undefined ? undefined : stateByState(grammar, states, name);
}

function asWritten(grammar: Grammar, language: Language, name: string): Expression {
  switch (language.kind) {
    case "empty":
      return empty;
    case "set":
      return stringChar(grammar, language.set);
    case "concat":
      return sequence(...partsOf(language).map((part) => asWritten(grammar, part, name)));
    case "union":
      return choice(...language.options.map((option) => asWritten(grammar, option, name)));
    case "repeat":
      return grammar.counted(asWritten(grammar, language.item, name), language.min, language.max, `${name}-part`);
    case "none":
    case "intersection":
    case "complement":
      return never;
  }
}

function stateByState(grammar: Grammar, states: readonly State[], name: string): Expression {
  const rules = ruleNames(grammar, states, name);

  function enter(number: number): Expression {
    const rule = rules[number];
    return rule === undefined ? leave(number) : reference(rule);
  }

  function leave(number: number): Expression {
    const { accepting, edges } = states[number] ?? { accepting: false, edges: [] };
    const [edge, ...others] = edges;
    if (accepting && edge?.to === number && others.length === 0) {
      return repeat(stringChar(grammar, edge.set), 0, Infinity);
    }
    const options = edges.map(({ set, to }) => sequence(stringChar(grammar, set), enter(to)));
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
