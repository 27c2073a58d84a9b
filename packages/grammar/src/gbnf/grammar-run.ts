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

/** Texts, and the tokens of markers. */
export type Continuation = readonly (string | Token)[];

export interface GrammarRun {
  /** Appends the part of the answer that is in the prompt; the text has marks in place of markers. @throws BeginningError, AmbiguityError */
  acceptText(text: string): void;
  /** Tokens that the grammar allows now: all of them if they are few, otherwise some of them; empty only if no token is allowed. */
  candidates(): readonly Token[];
  /** @throws AmbiguityError when the grammar can be read in too many ways */
  allows(token: Token): boolean;
  /** Appends a token that the grammar allows. @throws AmbiguityError */
  accept(token: Token): void;
  /**
   * What must follow, as long as the grammar allows one continuation only. Where only a space is left to the model, the
   * space is taken to be written as it was at the last such place, and at first to be written.
   */
  onlyContinuation(): Continuation;
}

/** Limit for the matcher's steps for one token of the text. So many steps take about 10 ms. */
const stepsPerToken = 500_000;
/** Limit for the steps of one search for candidates among ordinary tokens, in addition to `stepsPerToken`. */
const candidateSteps = 100_000;
const maxCandidates = 256;
/** Limit for the characters of a continuation. It is about what a step of 64 rows can guess. */
const maxOnlyChars = 256;
/** Limit for the matcher's steps in one search for a continuation. */
const onlySteps = 10_000;
/** Above this number of remembered objects, the matcher forgets the objects that the text no longer needs. */
const rememberedLimit = 100_000;

/** No text of the grammar begins with the part of the answer that is in the prompt. The message lacks its subject, the grammar. */
export class BeginningError extends Error {}

const space = 0x20;
const encoder = new TextEncoder();

/**
 * @param promptMark for chat answers: the mark before the part of the answer that is in the prompt. With `promptMark`, the grammar contains markers
 *   as marks, otherwise as text
 * @throws AmbiguityError when the grammar can begin in too many ways
 */
export function createGrammarRun(grammar: Grammar, vocabulary: GrammarVocabulary, promptMark?: string): GrammarRun {
  const hasMarks = promptMark !== undefined;
  const { order, markers, tokenBytes, isEndOfGeneration, endTokens } = vocabulary;
  const markOf = (token: Token): string | undefined => (hasMarks ? markers.get(token) : undefined);
  const marks = new Set(hasMarks ? [...markers.values(), promptMark] : []);
  const matcher = createMatcher(grammar, hasMarks);
  const known = new WeakMap<MatcherState, readonly Token[]>();
  let limit = rememberedLimit;
  matcher.budget = stepsPerToken;
  let position = matcher.start();
  const tokensOfMarks = new Map([...markers].map(([token, mark]) => [mark, token]));
  /** Whether the last optional space was written. */
  let writesSpaces = true;
  /** The last continuation, with what it depends on. */
  let only: { readonly state: MatcherState; readonly spaces: boolean; readonly found: Continuation } | undefined;

  function follow(token: Token): MatcherPosition | undefined {
    const mark = markOf(token);
    return mark === undefined ? followBytes(tokenBytes(token)) : followMark(mark);
  }

  /** Returns `otherwise` when the search takes more steps. */
  function within<T>(steps: number, otherwise: T, search: () => T): T {
    const rest = matcher.budget;
    matcher.budget = steps;
    let found = otherwise;
    unlessExhausted(() => {
      found = search();
      return true;
    });
    matcher.budget = rest;
    return found;
  }

  /** Notes from an accepted text whether optional spaces are written. */
  function learnSpaces(bytes: Uint8Array): void {
    let at: MatcherPosition | undefined = position;
    for (const byte of bytes) {
      if (at === undefined) return;
      if (matcher.hasOptionalSpace(at)) writesSpaces = byte === space;
      at = matcher.advance(at, byte);
    }
  }

  function findContinuation(): Continuation {
    const pieces: (string | Token)[] = [];
    let text = "";
    let at: MatcherPosition | undefined = position;
    for (let chars = 0; at !== undefined && chars < maxOnlyChars; chars += 1) {
      const behindSpace: MatcherPosition | undefined = matcher.hasOptionalSpace(at)
        ? matcher.advanceChar(at, space)
        : undefined;
      const char: number | undefined =
        behindSpace !== undefined && writesSpaces ? space : matcher.onlyChar(behindSpace ?? at);
      if (char === undefined) break;
      const character = String.fromCodePoint(char);
      const token = marks.has(character) ? tokensOfMarks.get(character) : undefined;
      if (marks.has(character) && token === undefined) break;
      if (token === undefined) text += character;
      else {
        if (text !== "") pieces.push(text);
        text = "";
        pieces.push(token);
      }
      at = matcher.advanceChar(at, char);
    }
    if (text !== "") pieces.push(text);
    return pieces;
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
      (from: MatcherPosition, byte) => {
        try {
          return exhausted ? undefined : matcher.advance(from, byte);
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
    acceptText(text) {
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
      if (markOf(token) === undefined) within(onlySteps, undefined, () => learnSpaces(tokenBytes(token)));
      if (!advance(follow(token))) {
        throw new Error(`Cannot continue with token ${token}: the grammar does not allow it`);
      }
    },
    onlyContinuation() {
      if (position.missing > 0) return [];
      if (only?.state === position.state && only.spaces === writesSpaces) return only.found;
      const found = within(onlySteps, [], findContinuation);
      only = { state: position.state, spaces: writesSpaces, found };
      return found;
    },
  };
}

/** Returns false when the steps run out, so that the caller gets fewer candidates instead of an error. */
function unlessExhausted(ask: () => boolean): boolean {
  try {
    return ask();
  } catch (error) {
    if (!(error instanceof AmbiguityError)) throw error;
    return false;
  }
}
