// Defines a conversation: messages and tools in the shape of OpenAI's API, which most chat templates expect.

/** A message; the engine's port has the same shape. */
export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: ChatContent;
  /** The assistant's thought before its content. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ChatToolCall[];
  readonly tool_call_id?: string;
}

/** One text, or a list of text parts. Some templates read the parts one by one. */
export type ChatContent = string | readonly { readonly type: "text"; readonly text: string }[];

export interface ChatToolCall {
  readonly id: string;
  readonly type: "function";
  /** Arguments as a value; as text where they are no JSON, or JSON that a value would not hold exactly. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

export interface ChatTool {
  readonly type: "function";
  readonly function: { readonly name: string; readonly description?: string; readonly parameters?: unknown };
}

export interface ChatConversation {
  readonly messages: readonly ChatMessage[];
  readonly tools?: readonly ChatTool[];
  readonly template?: {
    /** The template's variables by their names, such as `enable_thinking`. */
    readonly variables?: Readonly<Record<string, unknown>>;
    /** The answer continues the last message, which is the assistant's. */
    readonly continueFinalMessage?: boolean;
  };
}

/** Several texts in one place: each begins a line, as llama.cpp has it. */
export function textOf(content: ChatContent): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("\n");
}

/** A conversation that the model's chat template cannot show. The message is a sentence's end: "the model's chat template cannot …". */
export class TemplateInputError extends Error {
  override readonly name = "TemplateInputError";
}
