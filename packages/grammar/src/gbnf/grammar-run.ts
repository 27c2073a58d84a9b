// Tracks the position of one job in its grammar, and finds the tokens that are allowed next with a bounded amount of work.
import type { Grammar } from "./gbnf.ts";
import { AmbiguityError, createMatcher, type MatcherPosition, type MatcherState } from "./grammar-matcher.ts";
import type { Token, VocabularyOrder } from "./vocabulary-order.ts";

export interface GrammarVocabulary {
  readonly order: VocabularyOrder;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** Tokens that are markers of the chat format, each with the mark that replaces the token in grammars. `order` does not contain these tokens. */
  readonly markers: ReadonlyMap<Token, string>;
  readonly isEndOfGeneration: (token: Token) => boolean;
  readonly endTokens: readonly Token[];
}

export interface Candidates {
  /** Empty only if no token is allowed. */
  readonly tokens: readonly Token[];
  /** Whether the grammar allows no other tokens. */
  readonly areAll: boolean;
}

export interface GrammarRun {
  /** Appends the part of the answer that is in the prompt; the text has marks in place of markers. @throws BeginningError, AmbiguityError */
  acceptText(text: string): void;
  /** Tokens that the grammar allows now: all of them if they are few, otherwise some of them. */
  candidates(): Candidates;
  /** @throws AmbiguityError when the grammar is too ambiguous */
  allows(token: Token): boolean;
  /** Appends a token that the grammar allows. @throws AmbiguityError */
  accept(token: Token): void;
}

/** Limit for the matcher's steps for one token of the text. So many steps take about 10 ms. */
const stepsPerToken = 500_000;
/** Limit for the steps of one search for candidates among ordinary tokens, in addition to `stepsPerToken`. */
const candidateSteps = 100_000;
const maxCandidates = 256;
/** Above this number of remembered objects, the matcher forgets the objects that the text no longer needs. */
const rememberedLimit = 100_000;

/** No text of the grammar begins with the part of the answer that is in the prompt. The message lacks its subject, the grammar. */
export class BeginningError extends Error {}

const encoder = new TextEncoder();

/**
 * @param promptMark for chat answers: the mark before the part of the answer that is in the prompt. With `promptMark`, the grammar contains markers
 *   as marks, otherwise as text
 * @throws AmbiguityError when the grammar has too many beginnings
 */
export function createGrammarRun(grammar: Grammar, vocabulary: GrammarVocabulary, promptMark?: string): GrammarRun {
  const hasMarks = promptMark !== undefined;
  const { order, markers, tokenBytes, isEndOfGeneration, endTokens } = vocabulary;
  const markOf = (token: Token): string | undefined => (hasMarks ? markers.get(token) : undefined);
  const marks = new Set(hasMarks ? [...markers.values(), promptMark] : []);
  const matcher = createMatcher(grammar, hasMarks);
  const known = new WeakMap<MatcherState, Candidates>();
  let limit = rememberedLimit;
  matcher.budget = stepsPerToken;
  let position = matcher.start();

  function follow(token: Token): MatcherPosition | undefined {
    const mark = markOf(token);
    return mark === undefined ? followBytes(tokenBytes(token)) : followMark(mark);
  }

  function followMark(mark: string): MatcherPosition | undefined {
    return matcher.advanceChar(position, mark.codePointAt(0) ?? 0);
  }

  function followBytes(bytes: Uint8Array): MatcherPosition | undefined {
    let at: MatcherPosition | undefined = bytes.length === 0 ? undefined : position;
    for (let i = 0; i < bytes.length && at !== undefined; i++) at = matcher.advance(at, bytes[i] ?? 0);
    return at;
  }

  function mayEnd(at: MatcherPosition | undefined = position): boolean {
    return at !== undefined && at.state.complete && at.missing === 0;
  }

  /** Whether the text may end with this token. The token may be part of the format, for example the marker that closes a call. */
  function mayEndWith(token: Token): boolean {
    if (mayEnd()) return true;
    const mark = markOf(token);
    return mark !== undefined && mayEnd(followMark(mark));
  }

  function findCandidates(): Candidates {
    let isExhausted = false;
    /** Returns undefined when the steps run out: the caller gets fewer candidates instead of an error. */
    function unlessExhausted<T>(ask: () => T): T | undefined {
      try {
        return ask();
      } catch (error) {
        if (!(error instanceof AmbiguityError)) throw error;
        isExhausted = true;
        return undefined;
      }
    }
    const rest = matcher.budget;
    matcher.budget = candidateSteps;
    const advance = (from: MatcherPosition, byte: number): MatcherPosition | undefined =>
      isExhausted ? undefined : unlessExhausted(() => matcher.advance(from, byte));
    const found = order.reachable(position, advance, maxCandidates);
    matcher.budget = rest;
    const ends = endTokens.filter((token) => unlessExhausted(() => mayEndWith(token)));
    const marked = [...markers.keys()].filter(
      (token) => !isEndOfGeneration(token) && unlessExhausted(() => follow(token)) !== undefined,
    );
    return { tokens: [...ends, ...marked, ...found], areAll: !isExhausted && found.length < maxCandidates };
  }

  function advance(next: MatcherPosition | undefined): boolean {
    if (next === undefined) return false;
    position = next;
    matcher.budget = stepsPerToken;
    if (matcher.size > limit) {
      position = matcher.forget(position);
      limit = Math.max(rememberedLimit, 2 * matcher.size);
    }
    return true;
  }

  return {
    acceptText(text) {
      for (const character of text) {
        const next = marks.has(character) ? followMark(character) : followBytes(encoder.encode(character));
        if (!advance(next)) throw new BeginningError("begins the answer with a text that its format does not allow");
      }
    },
    candidates() {
      if (position.missing > 0) return findCandidates();
      let found = known.get(position.state);
      if (found === undefined) known.set(position.state, (found = findCandidates()));
      return found;
    },
    allows: (token) => (isEndOfGeneration(token) ? mayEndWith(token) : follow(token) !== undefined),
    accept(token) {
      if (isEndOfGeneration(token)) return;
      if (!advance(follow(token))) {
        throw new Error(`Cannot continue with token ${token}: the grammar does not allow it`);
      }
    },
  };
}
