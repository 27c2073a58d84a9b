// Tokenizes texts to embed, and pairs of a query and a document to rank: adds the model's special tokens, and cuts what is too long.
import type { Pace } from "@waggle/async";
import { freePieces, maxCharsPerToken, queryTooLong } from "@waggle/engine";
import type { EmbedInput, Pieces, TextPair, Token } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { LlamaVocabularyType, type LlamaModel } from "node-llama-cpp";

export type EmbedTokenizer = (
  text: EmbedInput | TextPair,
  truncateTo?: number,
  pieces?: Pieces,
) => Promise<readonly Token[]>;

export interface EmbedTokenizerOptions {
  readonly model: LlamaModel;
  /** Tokenizes a text, without BOS or other added tokens. */
  readonly tokenize: (text: string, specialTokens: boolean, pace: Pace) => Promise<Token[]>;
  /** The file's template for a query and its document. */
  readonly rankTemplate: string | undefined;
  readonly maxTokens: number;
}

export function createEmbedTokenizer(options: EmbedTokenizerOptions): EmbedTokenizer {
  const { model, tokenize, maxTokens } = options;
  const frame = frameOf(model);
  const vocabularySize = model.fileInfo.metadata.tokenizer.ggml.tokens.length;
  const { rankTemplate } = options;
  const names = rankTemplate?.includes("{query}") === true && rankTemplate.includes("{document}");
  const template = names ? rankTemplate : undefined;

  /** Returns the first `most` tokens of the text, or all. The part of the text that is certainly beyond `most` tokens is not tokenized. */
  async function leadingTokens(text: string, most: number, pace: Pace): Promise<Token[]> {
    const tokens = await tokenize(most === Infinity ? text : text.slice(0, most * maxCharsPerToken), false, pace);
    return tokens.slice(0, most);
  }

  async function embedTokens(text: EmbedInput, most: number, pace: Pace): Promise<readonly Token[]> {
    if (typeof text === "string") {
      const { begin, end } = frame;
      const tokens = await leadingTokens(text, Math.max(1, most - begin.length - end.length), pace);
      // Begin and end tokens are not doubled: the text may already contain them.
      return [...(tokens[0] === begin[0] ? [] : begin), ...tokens, ...(tokens.at(-1) === end[0] ? [] : end)];
    }
    const unknown = text.find((token) => token >= vocabularySize);
    if (unknown === undefined) return text.slice(0, most);
    throw new WaggleError("invalid_argument", `Cannot embed token ${unknown}: the model has ${vocabularySize} tokens.`);
  }

  async function pairParts(pace: Pace): Promise<readonly PairPart[]> {
    if (template === undefined) return [frame.begin, "query", frame.between, "document", frame.end];
    const parts: PairPart[] = [];
    for (const text of template.split(placeholders)) {
      if (text === "{query}") parts.push("query");
      else if (text === "{document}") parts.push("document");
      else parts.push(await tokenize(text, true, pace));
    }
    return parts;
  }

  async function pairTokens({ query, document }: TextPair, most: number, pace: Pace): Promise<readonly Token[]> {
    if (query.length > most * maxCharsPerToken) throw noRoom(Math.ceil(query.length / maxCharsPerToken), most, true);
    const parts = await pairParts(pace);
    const asked = await tokenize(query, false, pace);
    const lengths = parts.map((part) => (part === "document" ? 0 : part === "query" ? asked.length : part.length));
    const fixed = lengths.reduce((sum, length) => sum + length, 0);
    const places = parts.filter((part) => part === "document").length;
    const room = Math.floor((most - fixed) / places);
    if (room < 1) throw noRoom(fixed + places, most);
    const found = await leadingTokens(document, room, pace);
    return parts.flatMap((part) => (part === "document" ? found : part === "query" ? asked : part));
  }

  return async (text, truncateTo, { pace } = freePieces) => {
    const most = truncateTo === undefined ? Infinity : Math.min(truncateTo, maxTokens);
    return typeof text === "object" && "query" in text
      ? await pairTokens(text, most, pace)
      : await embedTokens(text, most, pace);
  };

  function noRoom(tokens: number, most: number, isEstimate = false): WaggleError {
    if (tokens > maxTokens) return queryTooLong(tokens, maxTokens, isEstimate);
    return new WaggleError(
      "invalid_argument",
      `Cannot rank: the query leaves no room for a document; the request's limit for both together is ${most} tokens.`,
    );
  }
}

/** Part of a tokenized pair: tokens, or the place of the query or document. */
type PairPart = "query" | "document" | readonly Token[];
const placeholders = /(\{query\}|\{document\})/;

interface Frame {
  readonly begin: readonly Token[];
  readonly end: readonly Token[];
  /** Tokens between query and document. */
  readonly between: readonly Token[];
}

/**
 * Tokens around a text, as llama.cpp adds them (`llama_vocab` and `format_prompt_rerank`). Unlike in llama.cpp, a pair of a WordPiece vocabulary
 * ends with a separator, because BERT was trained on such pairs.
 */
function frameOf({ tokens: special, vocabularyType, fileInfo }: LlamaModel): Frame {
  const list = (token: Token | null): Token[] => (token === null ? [] : [token]);
  const wordPieces = vocabularyType === LlamaVocabularyType.wpm;
  if (wordPieces) {
    const separator = list(special.sep);
    return { begin: list(special.bos), end: separator, between: separator };
  }
  const end = special.shouldAppendEosToken ? list(special.eos) : [];
  const { add_sep_token: addsSeparator = vocabularyType === LlamaVocabularyType.ugm } = fileInfo.metadata.tokenizer
    .ggml as { readonly add_sep_token?: boolean };
  return {
    begin: special.shouldPrependBosToken ? list(special.bos) : [],
    end,
    between: [...end, ...(addsSeparator ? list(special.sep) : [])],
  };
}
