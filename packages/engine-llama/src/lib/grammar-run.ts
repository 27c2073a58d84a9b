// Owns one job's way through its grammar, token by token: which ones the grammar allows next, within a bounded amount of work.
import type { Token } from "@waggle/engine";
import type { Grammar } from "./gbnf.ts";
import { AmbiguityError, createMatcher, type MatcherPosition, type MatcherState } from "./grammar-matcher.ts";
import type { VocabularyOrder } from "./vocabulary-order.ts";

export interface GrammarVocabulary {
  readonly order: VocabularyOrder;
  readonly tokenBytes: (token: Token) => Uint8Array;
  readonly isEndOfGeneration: (token: Token) => boolean;
  readonly endTokens: readonly Token[];
}

export interface GrammarRun {
  /** Some of the tokens that the grammar allows now: all of them where they are few, and never none where there is one. */
  candidates(): readonly Token[];
  /** @throws AmbiguityError when the grammar can be read in too many ways */
  allows(token: Token): boolean;
  /** The text goes on with a token that the grammar allows. @throws AmbiguityError */
  accept(token: Token): void;
}

/** Steps of the matcher for one token of the text: about 10 ms. */
const stepsPerToken = 500_000;
/** Of them, for finding candidates. */
const candidateSteps = 100_000;
const maxCandidates = 256;
/** What the matcher may remember before it has to forget what the text no longer needs. */
const rememberedLimit = 100_000;

/** @throws AmbiguityError when the grammar can begin in too many ways */
export function createGrammarRun(grammar: Grammar, vocabulary: GrammarVocabulary): GrammarRun {
  const { order, tokenBytes, isEndOfGeneration, endTokens } = vocabulary;
  const matcher = createMatcher(grammar);
  const known = new WeakMap<MatcherState, readonly Token[]>();
  let limit = rememberedLimit;
  matcher.budget = stepsPerToken;
  let position = matcher.start();

  function follow(token: Token): MatcherPosition | undefined {
    const bytes = tokenBytes(token);
    let at: MatcherPosition | undefined = bytes.length === 0 ? undefined : position;
    for (let i = 0; i < bytes.length && at !== undefined; i++) at = matcher.advance(at, bytes[i] ?? 0);
    return at;
  }

  function mayEnd(): boolean {
    return position.state.complete && position.missing === 0;
  }

  function findCandidates(): Token[] {
    const ends = mayEnd() ? endTokens : [];
    const rest = matcher.budget;
    matcher.budget = candidateSteps;
    let exhausted = false;
    const found = order.reachable(
      position,
      (place: MatcherPosition, byte) => {
        try {
          return exhausted ? undefined : matcher.advance(place, byte);
        } catch (error) {
          if (!(error instanceof AmbiguityError)) throw error;
          exhausted = true;
          return undefined;
        }
      },
      maxCandidates,
    );
    matcher.budget = rest;
    return [...ends, ...found];
  }

  return {
    candidates() {
      if (position.missing > 0) return findCandidates();
      let found = known.get(position.state);
      if (found === undefined) known.set(position.state, (found = findCandidates()));
      return found;
    },
    allows: (token) => (isEndOfGeneration(token) ? mayEnd() : follow(token) !== undefined),
    accept(token) {
      if (isEndOfGeneration(token)) return;
      const next = follow(token);
      if (next === undefined) throw new Error(`Cannot go on with token ${token}: the grammar does not allow it`);
      position = next;
      matcher.budget = stepsPerToken;
      if (matcher.size <= limit) return;
      position = matcher.forget(position);
      limit = Math.max(rememberedLimit, 2 * matcher.size);
    },
  };
}
