// Parses and checks the grammars of jobs, and caches them: a job's grammar is checked when the job is accepted, and used when the job runs.
import { setImmediate as nextTurn } from "node:timers/promises";
import { promptMark } from "@waggle/chat-format/format";
import type { Token } from "@waggle/engine";
import { GbnfError, parseGbnf, type Grammar } from "@waggle/grammar/gbnf";
import { grammarProblem } from "@waggle/grammar/gbnf";
import { AmbiguityError } from "@waggle/grammar/gbnf";
import { BeginningError, createGrammarRun, type GrammarRun, type GrammarVocabulary } from "@waggle/grammar/gbnf";
import { createVocabularyOrder, tokensPerTurn } from "@waggle/grammar/gbnf";
import { refuseField } from "@waggle/protocol";

/** Maximum number of characters of all cached grammars together; the least recently used grammar is dropped first. */
const keptChars = 2_097_152;
/** Maximum number of characters of an answer's beginning in the prompt. Each character takes 4 µs. */
const mostBegunChars = 65_536;
const begunCharsPerTurn = 1_024;
const noBytes = new Uint8Array();

export interface Grammars {
  /** @throws WaggleError invalid_argument, with the field's name, if the grammar is invalid or allows no text */
  check(text: string): Promise<void>;
  /** @throws WaggleError invalid_argument, as `check` */
  begin(text: string): Promise<GrammarRun>;
  /**
   * Begins the grammar of an answer whose beginning is already in the prompt. In both texts, private characters (marks) replace the chat format's
   * markers.
   * @param text the grammar
   * @param begun the answer's beginning
   * @throws WaggleError invalid_argument, as `check`, or if the grammar does not allow this beginning
   */
  beginAnswer(text: string, begun: string): Promise<GrammarRun>;
}

export interface GrammarsOptions {
  readonly vocabularySize: number;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** The private character (mark) that replaces this token, if the token is a marker of the chat format; undefined for other tokens. */
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
    // Sorting the vocabulary takes time and most jobs have no grammar, so the first grammar starts it.
    vocabulary ??= openVocabulary(options);
    if (begun !== undefined && begun.length > mostBegunChars) {
      throw refuseField(
        "messages",
        `the beginning of an answer with a grammar may have at most ${mostBegunChars} characters`,
      );
    }
    try {
      const grammar = read(text);
      const known = await vocabulary;
      if (begun === undefined) return createGrammarRun(grammar, known);
      try {
        return await follow(createGrammarRun(grammar, known, promptMark), begun);
      } catch (error) {
        if (!(error instanceof BeginningError)) throw error;
        return await follow(createGrammarRun(grammar, known, promptMark), promptMark + begun + promptMark);
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
    // Called once for each token only, because the call runs native code.
    if (isEndOfGeneration(token)) ends.add(token);
    const mark = markOf(token);
    if (mark !== undefined) markers.set(token, mark);
  }
  // The letters of an end token are not text for the grammar: the end is allowed when the grammar is complete.
  const isPlain = (token: Token): boolean => !ends.has(token) && !markers.has(token);
  const order = await createVocabularyOrder(vocabularySize, (token) => (isPlain(token) ? tokenBytes(token) : noBytes));
  return { order, tokenBytes, markers, isEndOfGeneration: (token) => ends.has(token), endTokens: [...ends] };
}
