// Reads and matches printed grammars for tests, with the product's parser and matcher.
import { AmbiguityError, createMatcher, parseGbnf, type Grammar, type MatcherState } from "../gbnf/index.ts";

/** Limit for the number of objects that a matcher remembers for one grammar. */
const mostRemembered = 3_000_000;
/** llama.cpp's limit for the count of a repetition. */
const highestCount = 2_000;

/** All ways to continue after a text. */
export type Ways = MatcherState;

export interface GbnfMatcher {
  readonly start: Ways;
  /** The ways to continue after `text`; undefined if no text of the grammar continues with `text`. @throws AmbiguityError at a limit */
  advance(ways: Ways, text: string): Ways | undefined;
}

interface GbnfMatch {
  readonly accepted: boolean;
  /** Length of the longest prefix of the text that begins a text of the grammar. */
  readonly matched: number;
  /** Largest number of ways that were open at once, which is the cost of checking a token. */
  readonly widest: number;
}

/** Parses a printed grammar. @throws Error for a notation that the parser knows and the printer avoids: llama.cpp refuses it, or makes many rules of it */
export function readGbnf(text: string): Grammar {
  const names = Array.from(text.matchAll(/^(\S+) ::= /gm), ([, name]) => name);
  if (new Set(names).size < text.trimEnd().split("\n").length)
    throw new Error("The grammar has a line that is not a rule, or a second definition");
  if (/[^\n -~]/.test(text)) throw new Error("The grammar is not ASCII");
  const marks = text.replaceAll(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]/g, (atom) =>
    atom === "[]" || atom.startsWith("[^") ? "[^]" : "",
  );
  if (marks.includes("[^]")) throw new Error("The grammar has an empty or negated class");
  if (marks.includes("){")) throw new Error("The grammar has a counted group");
  const counts = Array.from(marks.matchAll(/[{,](\d+)/g), ([, digits]) => Number(digits));
  if (counts.some((count) => count > highestCount)) throw new Error("The grammar has a count that is too high");
  return parseGbnf(text);
}

const matchers = new WeakMap<Grammar, GbnfMatcher>();

export function matchGbnf(grammar: Grammar, text: string): GbnfMatch {
  const matcher = matchers.get(grammar) ?? createGbnfMatcher(grammar);
  matchers.set(grammar, matcher);
  const { start, advance } = matcher;
  let widest = widthOf(start);
  let ways: Ways | undefined = start;
  let matched = 0;
  for (const char of text) {
    ways = advance(ways, char);
    if (ways === undefined) return { accepted: false, matched, widest };
    matched += char.length;
    widest = Math.max(widest, widthOf(ways));
  }
  return { accepted: ways.complete, matched, widest };
}

function widthOf({ leaves, complete }: Ways): number {
  return leaves.length + (complete ? 1 : 0);
}

export function createGbnfMatcher(grammar: Grammar): GbnfMatcher {
  const matcher = createMatcher(grammar);
  matcher.budget = Infinity;
  return {
    start: matcher.start().state,
    advance(from, text) {
      if (matcher.size > mostRemembered) throw new AmbiguityError("remembers too many ways to continue");
      let ways: Ways | undefined = from;
      for (const char of text) {
        ways = matcher.advanceChar({ state: ways, value: 0, missing: 0 }, char.codePointAt(0) ?? 0)?.state;
        if (ways === undefined) return undefined;
      }
      return ways;
    },
  };
}
