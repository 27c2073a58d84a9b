// Parses and checks the grammars of jobs once, and keeps each for its job after the check.
import { setImmediate as nextTurn } from "node:timers/promises";
import { promptMark } from "@waggle/chat-format/format";
import { refuseField, type Token } from "@waggle/engine";
import { GbnfError, parseGbnf, type Grammar } from "@waggle/grammar/gbnf";
import { grammarProblem } from "@waggle/grammar/gbnf";
import { AmbiguityError } from "@waggle/grammar/gbnf";
import { BeginningError, createGrammarRun, type GrammarRun, type GrammarVocabulary } from "@waggle/grammar/gbnf";
import { createVocabularyOrder, tokensPerTurn } from "@waggle/grammar/gbnf";

/** Most characters of all kept grammars; beyond that, the oldest grammar is dropped first. */
const keptChars = 2_097_152;
/** Most characters of an answer's beginning in the prompt: each character costs 4 µs. */
const mostBegunChars = 65_536;
const begunCharsPerTurn = 1_024;
const noBytes = new Uint8Array();

export interface Grammars {
  /** @throws WaggleError invalid_argument naming the field when the grammar has no text */
  check(text: string): Promise<void>;
  /** @throws WaggleError invalid_argument as `check` */
  begin(text: string): Promise<GrammarRun>;
  /**
   * For an answer to messages, of which the prompt contains the beginning. In both texts a marker is written as a mark.
   * @throws WaggleError invalid_argument as `check`, or when the grammar does not allow such a beginning
   */
  beginAnswer(text: string, begun: string): Promise<GrammarRun>;
}

export interface GrammarsOptions {
  readonly vocabularySize: number;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** The mark of a token that is a marker of the chat format. */
  readonly markOf: (token: Token) => string | undefined;
  readonly isEndOfGeneration: (token: Token) => boolean;
}

export function createGrammars(options: GrammarsOptions): Grammars {
  const kept = new Map<string, Grammar>();
  let vocabulary: Promise<GrammarVocabulary> | undefined;

  function read(text: string): Grammar {
    const grammar = kept.get(text) ?? parse(text);
    kept.delete(text);
    kept.set(text, grammar);
    let chars = [...kept.keys()].reduce((sum, { length }) => sum + length, 0);
    for (const oldest of kept.keys()) {
      if (chars <= keptChars) break;
      chars -= oldest.length;
      kept.delete(oldest);
    }
    return grammar;
  }

  async function open(text: string, begun: string | undefined): Promise<GrammarRun> {
    // Most jobs have no grammar, so the vocabulary is sorted only when the first grammar comes.
    vocabulary ??= openVocabulary(options);
    if (begun !== undefined && begun.length > mostBegunChars) {
      throw refuseField("messages", `more than ${mostBegunChars} characters of an answer cannot be held to a format`);
    }
    try {
      const grammar = read(text);
      const known = await vocabulary;
      if (begun === undefined) return createGrammarRun(grammar, known);
      try {
        return await follow(createGrammarRun(grammar, known, promptMark), begun);
      } catch (error) {
        if (!(error instanceof BeginningError)) throw error;
        return await follow(createGrammarRun(grammar, known, promptMark), promptMark + begun);
      }
    } catch (error) {
      if (error instanceof GbnfError || error instanceof AmbiguityError) {
        throw refuseField("grammar", `it ${error.message}`, error);
      }
      if (error instanceof BeginningError) throw refuseField("messages", `the prompt ${error.message}`, error);
      throw error;
    }
  }

  return {
    begin: async (text) => await open(text, undefined),
    beginAnswer: open,
    async check(text) {
      await open(text, undefined);
    },
  };
}

async function follow(run: GrammarRun, begun: string): Promise<GrammarRun> {
  for (let at = 0; at < begun.length; at += begunCharsPerTurn) {
    if (at > 0) await nextTurn();
    run.acceptText(begun.slice(at, at + begunCharsPerTurn));
  }
  return run;
}

function parse(text: string): Grammar {
  const grammar = parseGbnf(text);
  const problem = grammarProblem(grammar);
  if (problem !== undefined) throw new GbnfError(problem);
  return grammar;
}

async function openVocabulary(options: GrammarsOptions): Promise<GrammarVocabulary> {
  const { vocabularySize, tokenBytes, markOf, isEndOfGeneration } = options;
  const ends = new Set<Token>();
  const markers = new Map<Token, string>();
  for (let token = 0; token < vocabularySize; token++) {
    if (token % tokensPerTurn === tokensPerTurn - 1) await nextTurn();
    // Called only once for each token, because the library runs native code for the call.
    if (isEndOfGeneration(token)) ends.add(token);
    const mark = markOf(token);
    if (mark !== undefined) markers.set(token, mark);
  }
  // The end may be written in letters, but a grammar allows it only by being complete.
  const isPlain = (token: Token): boolean => !ends.has(token) && !markers.has(token);
  const order = await createVocabularyOrder(vocabularySize, (token) => (isPlain(token) ? tokenBytes(token) : noBytes));
  return { order, tokenBytes, markers, isEndOfGeneration: (token) => ends.has(token), endTokens: [...ends] };
}
