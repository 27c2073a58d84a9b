// Owns the grammars of jobs: read and checked once, kept for the job that follows its check.
import { setImmediate as nextTurn } from "node:timers/promises";
import { promptMark } from "@waggle/chat-format";
import type { Token } from "@waggle/engine";
import { refuseField } from "./field-error.ts";
import { GbnfError, parseGbnf, type Grammar } from "./gbnf.ts";
import { grammarProblem } from "./grammar-check.ts";
import { AmbiguityError } from "./grammar-matcher.ts";
import { BeginningError, createGrammarRun, type GrammarRun, type GrammarVocabulary } from "./grammar-run.ts";
import { createVocabularyOrder, tokensPerTurn } from "./vocabulary-order.ts";

/** Of the grammars that are kept, together; the oldest goes first. */
const keptChars = 2_097_152;
/** Of an answer that the prompt has begun: following it costs 4 µs for each. */
const mostSaidChars = 65_536;
const saidCharsPerTurn = 1_024;
const noBytes = new Uint8Array();

export interface Grammars {
  /** @throws WaggleError invalid_argument naming the field when no text can be made after this grammar */
  check(text: string): Promise<void>;
  /** @throws WaggleError invalid_argument as `check` */
  begin(text: string): Promise<GrammarRun>;
  /**
   * For an answer to messages, of which the prompt has said the beginning. In both texts a mark stands for a marker.
   * @throws WaggleError invalid_argument as `check`, or when the grammar does not allow such a beginning
   */
  beginAnswer(text: string, said: string): Promise<GrammarRun>;
}

export interface GrammarsOptions {
  readonly vocabularySize: number;
  readonly tokenBytes: (token: Token) => Uint8Array;
  /** Of a marker of the chat format. */
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

  async function open(text: string, said: string | undefined): Promise<GrammarRun> {
    // Most jobs have no grammar, so nothing is sorted before the first one.
    vocabulary ??= openVocabulary(options);
    if (said !== undefined && said.length > mostSaidChars) {
      throw refuseField("messages", `more than ${mostSaidChars} characters of an answer cannot be held to a format`);
    }
    try {
      const grammar = read(text);
      const known = await vocabulary;
      if (said === undefined) return createGrammarRun(grammar, known);
      try {
        return await begun(createGrammarRun(grammar, known, true), said);
      } catch (error) {
        if (!(error instanceof BeginningError)) throw error;
        return await begun(createGrammarRun(grammar, known, true), promptMark + said);
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

async function begun(run: GrammarRun, said: string): Promise<GrammarRun> {
  for (let at = 0; at < said.length; at += saidCharsPerTurn) {
    if (at > 0) await nextTurn();
    run.say(said.slice(at, at + saidCharsPerTurn));
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
    // Asked once for each token: the library answers in native code.
    if (isEndOfGeneration(token)) ends.add(token);
    const mark = markOf(token);
    if (mark !== undefined) markers.set(token, mark);
  }
  // The end may be written in letters, but a grammar asks for it in no other way than by being complete.
  const isPlain = (token: Token): boolean => !ends.has(token) && !markers.has(token);
  const order = await createVocabularyOrder(vocabularySize, (token) => (isPlain(token) ? tokenBytes(token) : noBytes));
  return { order, tokenBytes, markers, isEndOfGeneration: (token) => ends.has(token), endTokens: [...ends] };
}
