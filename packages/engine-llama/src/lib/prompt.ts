// Owns how a prompt becomes tokens: BOS exactly once where the model wants it, control tokens from the template alone.
import type { PromptInput, Token } from "@waggle/engine";
import type { ChatTemplate, Conversation } from "./chat-template.ts";
import { breakMark, type SpecialText } from "./special-text.ts";

export interface PromptOptions {
  /** The bare tokenizer: it adds nothing, and reads control tokens only when told to. */
  readonly tokenize: (text: string, specialTokens: boolean) => Token[];
  readonly template: ChatTemplate;
  readonly specialText: SpecialText;
  readonly bos: Token | null;
  readonly bosText: string;
  /** Whether the model's prompts begin with BOS. */
  readonly wantsBos: boolean;
}

/** The tokenizing part of the Backend port. */
export interface Prompts {
  tokenize(input: PromptInput): Token[];
  tokenizeText(text: string, addSpecial: boolean, parseSpecial: boolean): Token[];
  renderMessages(conversation: Conversation): string;
}

export function createPrompts(options: PromptOptions): Prompts {
  const { tokenize, template, specialText, bos, bosText, wantsBos } = options;
  const newline = tokenize("\n", true);

  function withBos(tokens: Token[]): Token[] {
    return wantsBos && bos !== null && tokens[0] !== bos ? [bos, ...tokens] : tokens;
  }

  /**
   * Tokens of what follows other text. SentencePiece puts a space before whatever it takes for a beginning, so the text follows a newline,
   * whose own tokens are then left out.
   */
  function tokenizeRest(text: string): Token[] {
    const tokens = tokenize(`\n${text}`, true);
    return newline.every((token, i) => tokens[i] === token) ? tokens.slice(newline.length) : tokenize(text, true);
  }

  /** The rendered conversation, with a mark inside every text of a control token that is not the template's own. */
  function renderGuarded({ messages, tools }: Conversation): string {
    return template.render({
      messages: guardAll(messages, specialText),
      ...(tools === undefined ? {} : { tools: guardAll(tools, specialText) }),
    });
  }

  function plain(text: string): Token[] {
    const startsWithBos = wantsBos && bosText !== "" && text.startsWith(bosText);
    return tokenize(startsWithBos ? text.slice(bosText.length) : text, false);
  }

  return {
    tokenize(input) {
      if (input.kind === "text") return withBos(plain(input.text));
      const [first = "", ...rest] = renderGuarded(input).split(breakMark);
      return withBos([...tokenize(first, true), ...rest.flatMap(tokenizeRest)]);
    },

    tokenizeText(text, addSpecial, parseSpecial) {
      const tokens = tokenize(text, parseSpecial);
      return addSpecial ? withBos(tokens) : tokens;
    },

    renderMessages: (conversation) => renderGuarded(conversation).replaceAll(breakMark, ""),
  };
}

/** The same value with every text in it guarded, the keys of objects included: tool schemas bring keys of their own. */
function guardAll<T>(value: T, specialText: SpecialText): T {
  const guard = (part: unknown): unknown => {
    if (typeof part === "string") return specialText.guard(part);
    if (Array.isArray(part)) return part.map(guard);
    if (typeof part !== "object" || part === null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, inner]) => [specialText.guard(key), guard(inner)]));
  };
  return guard(value) as T;
}
