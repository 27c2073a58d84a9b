// Owns one job's way through its grammar, token by token: which ones the grammar allows next, within a bounded amount of work.
import { promptMark } from "@waggle/chat-format";
import type { Token } from "@waggle/engine";
import type { Grammar } from "./gbnf.ts";
import { AmbiguityError, createMatcher, type MatcherPosition, type MatcherState } from "./grammar-matcher.ts";
import type { VocabularyOrder } from "./vocabulary-order.ts";

export interface GrammarVocabulary {
  readonly order: VocabularyOrder;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** Markers of the chat format, which `order` leaves out, each with its mark. */
  readonly markers: ReadonlyMap<Token, string>;
  readonly isEndOfGeneration: (token: Token) => boolean;
  readonly endTokens: readonly Token[];
}

export interface GrammarRun {
  /** The prompt has begun the text with this, in which a mark stands for a marker. @throws BeginningError, AmbiguityError */
  say(text: string): void;
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

/** What has been said already is no beginning of any text of the grammar. The message is the end of a sentence. */
export class BeginningError extends Error {}

const encoder = new TextEncoder();

/**
 * @param hasMarks of an answer to messages: a marker is written as its mark, else as its text
 * @throws AmbiguityError when the grammar can begin in too many ways
 */
export function createGrammarRun(grammar: Grammar, vocabulary: GrammarVocabulary, hasMarks = false): GrammarRun {
  const { order, markers, tokenBytes, isEndOfGeneration, endTokens } = vocabulary;
  const markOf = (token: Token): string | undefined => (hasMarks ? markers.get(token) : undefined);
  const marks = new Set(hasMarks ? [...markers.values(), promptMark] : []);
  const matcher = createMatcher(grammar, hasMarks);
  const known = new WeakMap<MatcherState, readonly Token[]>();
  let limit = rememberedLimit;
  matcher.budget = stepsPerToken;
  let position = matcher.start();

  function follow(token: Token): MatcherPosition | undefined {
    const mark = markOf(token);
    return mark === undefined ? followBytes(tokenBytes(token)) : followMark(mark);
  }

  function followMark(mark: string): MatcherPosition | undefined {
    return matcher.advanceMark(position, mark.codePointAt(0) ?? 0);
  }

  function followBytes(bytes: Uint8Array): MatcherPosition | undefined {
    let at: MatcherPosition | undefined = bytes.length === 0 ? undefined : position;
    for (let i = 0; i < bytes.length && at !== undefined; i++) at = matcher.advance(at, bytes[i] ?? 0);
    return at;
  }

  function mayEnd(at: MatcherPosition | undefined = position): boolean {
    return at !== undefined && at.state.complete && at.missing === 0;
  }

  /** An end may be written in the format itself: what closes a call, say. */
  function mayEndWith(token: Token): boolean {
    if (mayEnd()) return true;
    const mark = markOf(token);
    return mark !== undefined && mayEnd(followMark(mark));
  }

  function mayFollow(token: Token): boolean {
    return unlessExhausted(() => follow(token) !== undefined);
  }

  function findCandidates(): Token[] {
    const ends = endTokens.filter((token) => unlessExhausted(() => mayEndWith(token)));
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
    const marked = [...markers.keys()].filter((token) => !isEndOfGeneration(token) && mayFollow(token));
    return [...ends, ...marked, ...found];
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
    say(text) {
      for (const character of text) {
        const next = marks.has(character) ? followMark(character) : followBytes(encoder.encode(character));
        if (!advance(next)) throw new BeginningError("begins an answer in a way that its format does not have");
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
        throw new Error(`Cannot go on with token ${token}: the grammar does not allow it`);
      }
    },
  };
}

/** Whoever asks for candidates gets fewer of them when the grammar can be read in too many ways. */
function unlessExhausted(ask: () => boolean): boolean {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof AmbiguityError)) throw error;
    return false;
  }
}
