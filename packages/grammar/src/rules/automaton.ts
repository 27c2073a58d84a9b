// Builds the automaton of a language: a finite number of states, each with its possible next characters, without dead ends.
import { anyChar, charsOf, hasChar, subtractSet, uniteSets, type CharRange, type CharSet } from "./char-set.ts";
import type { Language, Languages } from "./languages.ts";

export interface Edge {
  readonly set: CharSet;
  readonly to: number;
}

export interface State {
  /** Whether the text may end here. */
  readonly accepting: boolean;
  /** The character sets of the edges are disjoint. */
  readonly edges: readonly Edge[];
}

/** Limit of derivatives for one automaton, as an average per state. A state needs a derivative for each class of characters. */
const derivativesPerState = 100;

/** This many tested character sets count as one step of `GrammarLimits.steps`. */
const setsPerStep = 20;

/**
 * Builds a deterministic automaton that starts in state 0. Every state leads to an accepting state; a language without texts has no states.
 * @returns undefined if the automaton needs more than `maxStates` states
 */
export function buildAutomaton(languages: Languages, start: Language, maxStates: number): readonly State[] | undefined {
  const classesOf = createClasses(languages);
  const numbers = new Map<Language, number>([[start, 0]]);
  const states: State[] = [];
  let derivatives = 0;
  for (const language of numbers.keys()) {
    const classes = classesOf(language);
    derivatives += classes.length;
    if (numbers.size > maxStates || derivatives > derivativesPerState * maxStates) return undefined;
    const sets = new Map<Language, CharSet[]>();
    for (const set of classes) {
      const next = languages.derive(language, set[0]?.[0] ?? 0);
      if (next === languages.none) continue;
      const parts = sets.get(next);
      if (parts === undefined) sets.set(next, [set]);
      else parts.push(set);
    }
    const edges = [...sets].map(([next, parts]): Edge => {
      const to = numbers.get(next) ?? numbers.size;
      numbers.set(next, to);
      return { set: uniteSets(...parts), to };
    });
    states.push({ accepting: language.nullable, edges });
  }
  return withoutDeadEnds(states);
}

/** An automaton for all texts except the given texts. It has a state for each prefix of a given text, and one state for all other texts. */
export function allBut(texts: readonly string[]): readonly State[] {
  const nodes: { readonly next: Map<string, number>; isText: boolean }[] = [{ next: new Map(), isText: false }];
  for (const text of texts) {
    let at = 0;
    for (const char of text) {
      const known = nodes[at]?.next.get(char) ?? nodes.length;
      nodes[at]?.next.set(char, known);
      if (known === nodes.length) nodes.push({ next: new Map(), isText: false });
      at = known;
    }
    const end = nodes[at];
    if (end !== undefined) end.isText = true;
  }
  const other = nodes.length;
  const states = nodes.map(({ next, isText }): State => {
    const edges = [...next].map(([char, to]) => ({ set: charsOf(char), to }));
    const rest = subtractSet(anyChar, uniteSets(...edges.map(({ set }) => set)));
    return { accepting: !isText, edges: [...edges.filter(({ set }) => set.length > 0), { set: rest, to: other }] };
  });
  return [...states, { accepting: true, edges: [{ set: anyChar, to: other }] }];
}

/** A language that is a set of characters. */
type SetLanguage = Language & { readonly kind: "set" };

/**
 * Divides the characters into classes such that a language has the same derivative for all characters of a class. The classes come from the
 * possible first sets, which are usually few (Owens, Reppy and Turon, "Regular-expression derivatives re-examined", 2009).
 */
function createClasses({ spend, alphabet }: Languages): (language: Language) => readonly CharSet[] {
  const firstSets = createFirstSets(spend);
  const known = new Map<string, readonly CharSet[]>();
  return (language) => {
    const sets = [...firstSets(language)].toSorted((a, b) => a.id - b.id);
    const key = sets.map(({ id }) => id).join(" ");
    const classes =
      known.get(key) ??
      charClasses(
        sets.map(({ set }) => set),
        alphabet,
        spend,
      );
    known.set(key, classes);
    return classes;
  };
}

/** The character sets on which a language's derivative depends. */
function createFirstSets(spend: Languages["spend"]): (language: Language) => ReadonlySet<SetLanguage> {
  const known = new Map<Language, ReadonlySet<SetLanguage>>();

  function find(language: Language): ReadonlySet<SetLanguage> {
    switch (language.kind) {
      case "none":
      case "empty":
        return new Set();
      case "set":
        return new Set([language]);
      case "concat":
        return unite(beginningOf(language));
      case "union":
        return unite(language.options);
      case "intersection":
        return unite(language.items);
      case "repeat":
      case "complement":
        return firstSets(language.item);
    }
  }

  function unite(languages: readonly Language[]): ReadonlySet<SetLanguage> {
    const [only] = languages;
    if (only !== undefined && languages.length === 1) return firstSets(only);
    const sets = new Set<SetLanguage>();
    for (const language of languages) for (const set of firstSets(language)) sets.add(set);
    spend((languages.length + sets.size) / setsPerStep);
    return sets;
  }

  function firstSets(language: Language): ReadonlySet<SetLanguage> {
    const sets = known.get(language) ?? find(language);
    known.set(language, sets);
    return sets;
  }

  return firstSets;
}

/** The parts of a concatenation up to and including the first part that cannot be empty. */
function beginningOf(language: Language): readonly Language[] {
  const parts: Language[] = [];
  let rest = language;
  for (; rest.kind === "concat"; rest = rest.tail) {
    parts.push(rest.head);
    if (!rest.head.nullable) return parts;
  }
  return [...parts, rest];
}

/** Divides the alphabet into classes such that each set contains a class completely or not at all. */
function charClasses(sets: readonly CharSet[], alphabet: CharSet, spend: Languages["spend"]): readonly CharSet[] {
  const borders = new Set([alphabet, ...sets].flatMap((set) => set.flatMap(([first, last]) => [first, last + 1])));
  const sorted = [...borders].toSorted((a, b) => a - b);
  spend((borders.size * sets.length) / setsPerStep);
  const classes = new Map<string, CharRange[]>();
  for (const [index, first] of sorted.entries()) {
    const last = (sorted[index + 1] ?? 0) - 1;
    if (last < first || !hasChar(alphabet, first)) continue;
    const members = sets.flatMap((set, number) => (hasChar(set, first) ? [number] : [])).join(",");
    const ranges = classes.get(members);
    if (ranges === undefined) classes.set(members, [[first, last]]);
    else ranges.push([first, last]);
  }
  return [...classes.values()];
}

function withoutDeadEnds(states: readonly State[]): readonly State[] {
  const useful = findUseful(states);
  if (!useful.has(0)) return [];
  const numbers = new Map(
    [...states.keys()].filter((state) => useful.has(state)).map((state, index) => [state, index]),
  );
  return [...numbers.keys()].map((number) => {
    const { accepting, edges } = states[number] ?? { accepting: false, edges: [] };
    return {
      accepting,
      edges: edges.flatMap(({ set, to }) => {
        const target = numbers.get(to);
        return target === undefined ? [] : [{ set, to: target }];
      }),
    };
  });
}

/** The states from which an accepting state can be reached, found by searching backwards from the accepting states. */
function findUseful(states: readonly State[]): ReadonlySet<number> {
  const sources = new Map<number, number[]>();
  for (const [from, { edges }] of states.entries()) {
    for (const { to } of edges) {
      const known = sources.get(to);
      if (known === undefined) sources.set(to, [from]);
      else known.push(from);
    }
  }
  const useful = new Set<number>([...states.keys()].filter((state) => states[state]?.accepting));
  for (const state of useful) for (const source of sources.get(state) ?? []) useful.add(source);
  return useful;
}
