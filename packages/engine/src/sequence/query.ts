// Answers queries about the model: the tokens of a text, the text of tokens, a rendered conversation, and a conversation's number of tokens.
import type { Backend } from "../port/backend.ts";
import type { Token } from "../port/steps.ts";
import type { EngineQueryResult, EngineQuery } from "../port/messages.ts";
import { freePieces, type Pieces } from "../port/pieces.ts";
import { createTextDecoder } from "./decode-text.ts";
import { checkChars } from "../port/prompt-length.ts";
import { failureOf, generatorOf } from "./prepare.ts";

type Answering = Pick<Backend, "info" | "generator" | "tokenizeText" | "tokenBytes">;

/** Tokens of a piece, which take a millisecond or two: as long as so many characters of a text. */
const [pieceTokens, pieceChars] = [4_096, 8_192];

/** Never rejects: an error becomes an answer of kind `failed`. */
export async function answer(
  backend: Answering,
  question: EngineQuery,
  pieces: Pieces = freePieces,
): Promise<EngineQueryResult> {
  try {
    return await find(backend, question, pieces);
  } catch (thrown) {
    return { kind: "failed", failure: failureOf(thrown) };
  }
}

async function find(backend: Answering, question: EngineQuery, pieces: Pieces): Promise<EngineQueryResult> {
  switch (question.kind) {
    case "tokenize": {
      const tokens = await backend.tokenizeText(question.text, question.addSpecial, question.parseSpecial, pieces);
      if (!question.withPieces) return { kind: "tokenize", tokens };
      return {
        ...{ kind: "tokenize", tokens },
        pieces: await eachToken(tokens, (token) => toBase64(backend.tokenBytes(token)), pieces),
      };
    }
    case "detokenize": {
      // Decode in streaming mode, so that a character whose bytes are spread over several tokens is decoded as a whole.
      const decoder = createTextDecoder();
      const texts = await eachToken(
        question.tokens,
        (token) => decoder.decode(backend.tokenBytes(token), { stream: true }),
        pieces,
      );
      return { kind: "detokenize", text: texts.join("") + decoder.decode() };
    }
    case "render":
    case "count": {
      const input = { ...question, kind: "messages" as const };
      const generator = generatorOf(backend);
      checkChars(input, backend.info.contextSize);
      if (question.kind === "render") return { kind: "render", prompt: await generator.renderMessages(input, pieces) };
      const { entries } = await generator.tokenize(input, question.pictures, pieces);
      return { kind: "count", promptTokens: entries.length };
    }
  }
}

async function eachToken(
  tokens: readonly Token[],
  tokenText: (token: Token) => string,
  { pace }: Pieces,
): Promise<string[]> {
  const texts: string[] = [];
  for (const token of tokens) {
    if (texts.length % pieceTokens === pieceTokens - 1) await pace(pieceChars);
    texts.push(tokenText(token));
  }
  return texts;
}

/** Converts the bytes one by one: `String.fromCharCode(...bytes)` would overflow the stack for a very long piece. */
function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
