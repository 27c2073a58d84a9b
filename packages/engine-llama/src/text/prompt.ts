// Tokenizes prompts, with BOS exactly once if the model expects it. In conversations, only the template's text can become control tokens.
import type { Pace } from "@waggle/async";
import { answerStart, type AnswerStart, type ChatFormat } from "@waggle/chat-format/format";
import { freePieces, maxCharsPerToken, withCells } from "@waggle/engine";
import type {
  AnswerTokenizer,
  Picture,
  PictureChunk,
  Pieces,
  PromptInput,
  PromptPiece,
  Token,
  TokenizedPrompt,
} from "@waggle/engine";
import {
  breakMark,
  guardConversation,
  markPictures,
  missingPicture,
  splitAtPictures,
  type SpecialText,
} from "@waggle/chat-format/describe";
import { WaggleError, refuseField } from "@waggle/protocol";
import type { ChatRenderer, Conversation } from "./chat.ts";
import { createAnswerTokenizer } from "./answer-tokenizer.ts";
import { infillTokens } from "./infill.ts";
import type { InfillMarkers } from "@waggle/models/header";
import type { Tokenizer } from "./tokenizer.ts";

export interface PromptOptions {
  readonly tokenizer: Tokenizer;
  readonly renderer: ChatRenderer;
  readonly format: ChatFormat;
  readonly specialText: SpecialText;
  readonly bos: Token | null;
  readonly bosText: string;
  readonly vocabularySize: number;
  /** Whether the model's prompts begin with BOS. */
  readonly wantsBos: boolean;
  /** Undefined if the model was not trained for infill. */
  readonly infill?: InfillMarkers | undefined;
  readonly contextSize: number;
  /** Undefined if the model cannot see. */
  readonly readPicture?: ReadPicture | undefined;
}

/** The tokens of long pieces of text, by the text. */
type KnownPieces = Map<string, readonly Token[]>;

/** A token, or all cells of a chunk. */
export type PromptPart = Token | PictureChunk;

/**
 * Returns the tokens and chunks of a picture.
 * @param index of the picture among those of the work
 * @throws WaggleError invalid_argument if the picture cannot be read
 */
export type ReadPicture = (picture: Picture, index: number, pieces: Pieces) => Promise<readonly PromptPart[]>;

/** The text of a picture in a rendered conversation, as in llama-server. */
const mediaMarker = "<__media__>";

/** Time to search a text for control tokens, as a share of the time to tokenize the text. */
const guardCost = 0.1;

/** The part of the Backend that tokenizes. */
export interface Prompts {
  tokenize(input: PromptInput, pictures?: readonly Picture[], pieces?: Pieces): Promise<TokenizedPrompt>;
  answerTokenizer(pictures?: readonly Picture[], pieces?: Pieces): AnswerTokenizer;
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean, pieces?: Pieces): Promise<Token[]>;
  renderMessages(conversation: Conversation, pieces?: Pieces): Promise<string>;
}

export function createPrompts(options: PromptOptions): Prompts {
  const { tokenizer, renderer, format, specialText, bos, bosText, wantsBos, infill: markers } = options;
  const { contextSize, vocabularySize } = options;

  function withBos<P extends PromptPart>(parts: (P | Token)[]): (P | Token)[] {
    if (wantsBos && bos !== null && parts[0] !== bos) parts.unshift(bos);
    return parts;
  }

  /** Renders the conversation. In messages, `breakMark` splits each text of a control token, so that the text does not become a control token. */
  async function renderGuarded(conversation: Conversation, pieces: Pieces): Promise<string> {
    const pace: Pace = (chars) => pieces.pace(chars * guardCost);
    const guarded = await guardConversation(markPictures(conversation), specialText, pace);
    const rendered = await pieces.run("template", async () => await renderer.render(guarded));
    const missing = missingPicture(conversation, rendered);
    if (missing === undefined) return rendered;
    throw refuseField("messages", `the model's chat template does not show picture ${missing + 1}`);
  }

  async function read(index: number, pictures: readonly Picture[], pieces: Pieces): Promise<readonly PromptPart[]> {
    const picture = pictures[index];
    if (picture === undefined) throw new Error(`There is no picture ${index}`);
    if (options.readPicture === undefined) {
      throw new WaggleError("invalid_argument", "Cannot read pictures: the model has no projector, and cannot see.");
    }
    return await options.readPicture(picture, index, pieces);
  }

  /** Returns the note of a picture that cannot be read, if the conversation has one. */
  async function readOrNote(
    index: number,
    { messages }: Conversation,
    pictures: readonly Picture[],
    pieces: Pieces,
  ): Promise<readonly PromptPart[]> {
    try {
      return await read(index, pictures, pieces);
    } catch (error) {
      const note = noteOf(messages, index);
      if (note === undefined || WaggleError.from(error).code !== "invalid_argument") throw error;
      return await tokenizer.tokenizeRest(note, pieces.pace);
    }
  }

  /** Tokenizes the rendered text between two pictures, or of a conversation without pictures. */
  async function tokenizeGuarded(text: string, { pace }: Pieces, known?: KnownPieces): Promise<Token[]> {
    const [first = "", ...rest] = text.split(breakMark);
    const tokens = first === "" ? [] : await tokenizer.tokenize(first, true, pace, known);
    for (const part of rest) for (const token of await tokenizer.tokenizeRest(part, pace)) tokens.push(token);
    return tokens;
  }

  async function tokenizeRendered(
    rendered: string,
    conversation: Conversation,
    pictures: readonly Picture[],
    pieces: Pieces,
    known?: KnownPieces,
  ): Promise<PromptPart[]> {
    const parts: PromptPart[] = [];
    for (const each of pictures.length === 0 ? [rendered] : splitAtPictures(rendered)) {
      const read =
        typeof each === "string"
          ? tokenizeGuarded(each, pieces, known)
          : readOrNote(each, conversation, pictures, pieces);
      for (const part of await read) parts.push(part);
    }
    return parts;
  }

  async function plain(text: string, { pace }: Pieces): Promise<Token[]> {
    const startsWithBos = wantsBos && bosText !== "" && text.startsWith(bosText);
    return await tokenizer.tokenize(startsWithBos ? text.slice(bosText.length) : text, false, pace);
  }

  /** As in llama-server: text may contain control tokens, and BOS is only added if the first piece is a text. */
  async function joined(
    given: readonly PromptPiece[],
    pictures: readonly Picture[],
    pieces: Pieces,
  ): Promise<PromptPart[]> {
    const parts: PromptPart[] = [];
    const readPromptPiece = async (piece: PromptPiece): Promise<readonly PromptPart[]> => {
      if (typeof piece === "string") return await tokenizer.tokenize(piece, true, pieces.pace);
      return "type" in piece ? await read(piece.picture, pictures, pieces) : piece;
    };
    for (const piece of given) for (const part of await readPromptPiece(piece)) parts.push(part);
    // With an unknown token, llama.cpp would fail the pass of all slots.
    const unknown = parts.find((part) => typeof part === "number" && (part < 0 || part >= vocabularySize));
    if (typeof unknown === "number") {
      throw refuseField("prompt", `there is no token ${unknown}; the model has ${vocabularySize} tokens`);
    }
    return typeof given[0] === "string" ? withBos(parts) : parts;
  }

  return {
    async tokenize(input, pictures = [], pieces = freePieces) {
      if (input.kind === "text") return withCells(withBos(await plain(input.text, pieces)));
      if (input.kind === "pieces") return withCells(await joined(input.pieces, pictures, pieces));
      if (input.kind === "infill") {
        if (markers === undefined)
          throw new WaggleError("invalid_argument", "Cannot fill in: this model was not trained to fill in.");
        const tokenize = async (text: string): Promise<Token[]> => await tokenizer.tokenize(text, false, pieces.pace);
        const fit = { markers, contextSize, maxCharsPerToken, tokenize };
        return withCells(withBos(await infillTokens(input.infill, fit)));
      }
      const rendered = await renderGuarded(input, pieces);
      const parts = await tokenizeRendered(rendered, input, pictures, pieces);
      return { ...withCells(withBos(parts)), start: startOf(rendered) };
    },

    answerTokenizer(pictures = [], pieces = freePieces) {
      const known: KnownPieces = new Map();
      return createAnswerTokenizer({
        format,
        render: async (input) => await renderGuarded(input, pieces),
        guard: specialText.guard,
        tokenize: async (rendered, input) => withBos(await tokenizeRendered(rendered, input, pictures, pieces, known)),
        tokenizePart: async (text) => await tokenizeGuarded(text, pieces),
      });
    },

    async tokenizeText(text, addSpecial, parseSpecial, { pace } = freePieces) {
      const tokens = await tokenizer.tokenize(text, parseSpecial, pace);
      return addSpecial ? withBos(tokens) : tokens;
    },

    async renderMessages(conversation, pieces = freePieces) {
      const rendered = (await renderGuarded(conversation, pieces)).replaceAll(breakMark, "");
      return splitAtPictures(rendered)
        .map((part) => (typeof part === "string" ? part : mediaMarker))
        .join("");
    },
  };

  /**
   * Finds the beginning of the answer in the rendered text. In messages, `breakMark` splits each marker: only a marker of the template can begin a
   * turn. Private characters that the answer reader uses for markers are replaced.
   */
  function startOf(rendered: string): AnswerStart {
    return { said: answerStart(format, rendered).said.replaceAll(readerMarks, "\uFFFD") };
  }
}

function noteOf(messages: Conversation["messages"], index: number): string | undefined {
  const parts = messages.flatMap(({ content }) => (typeof content === "string" ? [] : content));
  return parts.flatMap((part) => (part.type === "image" && part.picture === index ? [part.note] : []))[0];
}

/** The private characters by which the answer reader replaces markers. */
const readerMarks = /[\uFDD1-\uFDEF]/g;
