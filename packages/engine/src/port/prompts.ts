// Defines what a prompt is made of: conversations, texts, tokens and pictures.
import type { AnswerStart } from "@waggle/chat-format/format";
import type { Entries } from "./kv.ts";
import type { Token } from "./steps.ts";

/** A message in the form and with the field names that chat templates expect. */
export interface TemplateMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  /** Text, or a list of texts and pictures, which some templates format separately. */
  readonly content: string | readonly TemplatePart[];
  /** The assistant's thought before the answer; templates of thinking models use it. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly TemplateToolCall[];
  readonly tool_call_id?: string;
}

export type TemplatePart = { readonly type: "text"; readonly text: string } | PicturePart;

/** The place of a picture in a message or a prompt. */
export interface PicturePart {
  readonly type: "image";
  /** Index among the pictures of the work. */
  readonly picture: number;
  /** Replaces a picture of a conversation that cannot be read. Without a note, such a picture ends the job. */
  readonly note?: string | undefined;
}

export interface TemplateToolCall {
  readonly id: string;
  readonly type: "function";
  /** The arguments are parsed, because templates print them in different formats. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** A tool that the model may call, in OpenAI's format, which templates expect. */
export interface TemplateTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: unknown };
}

/** Part of a prompt: text, in which control tokens are parsed, tokens that are used unchanged, or a picture. */
export type PromptPiece = string | readonly Token[] | PicturePart;

/** Code with a hole, for models that were trained to fill holes. */
export interface InfillPrompt {
  readonly prefix: string;
  readonly suffix: string;
  /** Other files of the same repository, the most relevant last. */
  readonly extra: readonly { readonly filename: string; readonly text: string }[];
  /** The beginning of the text that fills the hole. */
  readonly prompt: string;
}

export type PromptInput =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "pieces"; readonly pieces: readonly PromptPiece[] }
  | { readonly kind: "infill"; readonly infill: InfillPrompt }
  | ({ readonly kind: "messages" } & Conversation);

export interface Conversation {
  readonly messages: readonly TemplateMessage[];
  readonly tools?: readonly TemplateTool[];
  readonly template?: TemplateOptions;
}

/** Input of a chat template in addition to messages and tools. */
export interface TemplateOptions {
  /** Variables of the template by name, for example `enable_thinking`. */
  readonly variables?: Readonly<Record<string, unknown>>;
  /** The answer continues the last message, which must be the assistant's. */
  readonly continueFinalMessage?: boolean;
}

/** A prompt as the model receives it. */
export interface TokenizedPrompt extends Entries {
  /** The beginning of the answer; only for a conversation. */
  readonly start?: AnswerStart;
}

/** A prompt with several answers. The tokens of prompt and answer together may differ from those of both parts, so the prompt ends where they differ. */
export interface TokenizedAnswers {
  /** What the prompt has in common with every answer behind it. */
  readonly prompt: Entries;
  /** For each answer the tokens after `prompt`, at least one. */
  readonly rests: readonly (readonly Token[])[];
}
