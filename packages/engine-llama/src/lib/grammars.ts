// Owns the grammars of jobs: read and checked once, kept for the job that follows its check.
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Token } from "@waggle/engine";
import { refuseField } from "./field-error.ts";
import { GbnfError, parseGbnf, type Grammar } from "./gbnf.ts";
import { grammarProblem } from "./grammar-check.ts";
import { AmbiguityError } from "./grammar-matcher.ts";
import { createGrammarRun, type GrammarRun, type GrammarVocabulary } from "./grammar-run.ts";
import { createVocabularyOrder, tokensPerTurn } from "./vocabulary-order.ts";

/** Of the grammars that are kept, together; the oldest goes first. */
const keptChars = 2_097_152;
const noBytes = new Uint8Array();

export interface Grammars {
  /** @throws WaggleError invalid_argument naming the field when no text can be made after this grammar */
  check(text: string): Promise<void>;
  /** @throws WaggleError invalid_argument as `check` */
  begin(text: string): Promise<GrammarRun>;
}

export interface GrammarsOptions {
  readonly vocabularySize: number;
  readonly tokenBytes: (token: Token) => Uint8Array;
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

  async function begin(text: string): Promise<GrammarRun> {
    // Most jobs have no grammar, so nothing is sorted before the first one.
    vocabulary ??= openVocabulary(options);
    try {
      return createGrammarRun(read(text), await vocabulary);
    } catch (error) {
      if (error instanceof GbnfError || error instanceof AmbiguityError) {
        throw refuseField("grammar", `it ${error.message}`, error);
      }
      throw error;
    }
  }

  return {
    begin,
    async check(text) {
      await begin(text);
    },
  };
}

function parse(text: string): Grammar {
  const grammar = parseGbnf(text);
  const problem = grammarProblem(grammar);
  if (problem !== undefined) throw new GbnfError(problem);
  return grammar;
}

async function openVocabulary(options: GrammarsOptions): Promise<GrammarVocabulary> {
  const { vocabularySize, tokenBytes, isEndOfGeneration } = options;
  const ends = new Set<Token>();
  for (let token = 0; token < vocabularySize; token++) {
    if (token % tokensPerTurn === tokensPerTurn - 1) await nextTurn();
    // Asked once for each token: the library answers in native code.
    if (isEndOfGeneration(token)) ends.add(token);
  }
  // The end may be written in letters, but a grammar asks for it in no other way than by being complete.
  const bytesOf = (token: Token): Uint8Array => (ends.has(token) ? noBytes : tokenBytes(token));
  const order = await createVocabularyOrder(vocabularySize, bytesOf);
  return { order, tokenBytes, isEndOfGeneration: (token) => ends.has(token), endTokens: [...ends] };
}
