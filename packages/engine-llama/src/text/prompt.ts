// Tokenizes prompts, with BOS exactly once if the model expects it. In conversations, only the template's text can become control tokens.
import type { Pace } from "@waggle/async";
import { answerStart, type AnswerStart, type ChatFormat } from "@waggle/chat-format/format";
import { maxCharsPerToken, refuseField } from "@waggle/engine";
import type { PromptInput, PromptPiece, Token, TokenizedPrompt } from "@waggle/engine";
import { breakMark, guardConversation, type SpecialText } from "@waggle/chat-format/describe";
import { WaggleError } from "@waggle/protocol";
import type { ChatRenderer, Conversation } from "./chat.ts";
import { infillTokens } from "./infill.ts";
import type { InfillMarkers } from "@waggle/models/header";
import type { Tokenizer } from "./tokenizer.ts";

export interface PromptOptions {
  readonly tokenizer: Tokenizer;
  readonly renderer: ChatRenderer;
  readonly format: Pick<ChatFormat, "turnOpens">;
  readonly specialText: SpecialText;
  readonly bos: Token | null;
  readonly bosText: string;
  readonly vocabularySize: number;
  /** Whether the model's prompts begin with BOS. */
  readonly wantsBos: boolean;
  /** Undefined if the model was not trained for infill. */
  readonly infill?: InfillMarkers | undefined;
  readonly contextSize: number;
}

/** Time to search a text for control tokens, as a share of the time to tokenize the text. */
const guardCost = 0.1;

/** The part of the Backend that tokenizes. */
export interface Prompts {
  tokenize(input: PromptInput): Promise<TokenizedPrompt>;
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean): Promise<Token[]>;
  renderMessages(conversation: Conversation): Promise<string>;
}

export function createPrompts(options: PromptOptions): Prompts {
  const { tokenizer, renderer, format, specialText, bos, bosText, wantsBos, infill: markers } = options;
  const { contextSize, vocabularySize } = options;

  function withBos(tokens: Token[]): Token[] {
    if (wantsBos && bos !== null && tokens[0] !== bos) tokens.unshift(bos);
    return tokens;
  }

  /** Renders the conversation. In messages, `breakMark` splits each text of a control token, so that the text does not become a control token. */
  async function renderGuarded(conversation: Conversation): Promise<string> {
    const pace: Pace = (chars) => tokenizer.pace(chars * guardCost);
    return await renderer.render(await guardConversation(conversation, specialText, pace));
  }

  async function plain(text: string): Promise<Token[]> {
    const startsWithBos = wantsBos && bosText !== "" && text.startsWith(bosText);
    return await tokenizer.tokenize(startsWithBos ? text.slice(bosText.length) : text, false);
  }

  /** As in llama-server: text may contain control tokens, and BOS is only added if the first piece is a text. */
  async function joined(pieces: readonly PromptPiece[]): Promise<Token[]> {
    const tokens: Token[] = [];
    for (const piece of pieces) {
      for (const token of typeof piece === "string" ? await tokenizer.tokenize(piece, true) : piece) tokens.push(token);
    }
    // With an unknown token, llama.cpp would fail the pass of all slots.
    const unknown = tokens.find((token) => token >= vocabularySize);
    if (unknown !== undefined) {
      throw refuseField("prompt", `there is no token ${unknown}; the model has ${vocabularySize} tokens`);
    }
    return typeof pieces[0] === "string" ? withBos(tokens) : tokens;
  }

  return {
    async tokenize(input) {
      if (input.kind === "text") return { tokens: withBos(await plain(input.text)) };
      if (input.kind === "pieces") return { tokens: await joined(input.pieces) };
      if (input.kind === "infill") {
        if (markers === undefined)
          throw new WaggleError("invalid_argument", "Cannot fill in: this model was not trained to fill in.");
        const tokenize = async (text: string): Promise<Token[]> => await tokenizer.tokenize(text, false);
        const fit = { markers, contextSize, maxCharsPerToken, tokenize };
        return { tokens: withBos(await infillTokens(input.infill, fit)) };
      }
      const rendered = await renderGuarded(input);
      const [first = "", ...rest] = rendered.split(breakMark);
      const tokens = await tokenizer.tokenize(first, true);
      for (const text of rest) for (const token of await tokenizer.tokenizeRest(text)) tokens.push(token);
      return { tokens: withBos(tokens), start: startOf(rendered) };
    },

    async tokenizeText(text, addSpecial, parseSpecial) {
      const tokens = await tokenizer.tokenize(text, parseSpecial);
      return addSpecial ? withBos(tokens) : tokens;
    },

    renderMessages: async (conversation) => (await renderGuarded(conversation)).replaceAll(breakMark, ""),
  };

  /**
   * Finds the beginning of the answer in the rendered text. In messages, `breakMark` splits each marker: only a marker of the template can begin a
   * turn. Private characters that the answer reader uses for markers are replaced.
   */
  function startOf(rendered: string): AnswerStart {
    return { said: answerStart(format, rendered).said.replaceAll(readerMarks, "\uFFFD") };
  }
}

/** The private characters by which the answer reader replaces markers. */
const readerMarks = /[\uFDD1-\uFDEF]/g;
