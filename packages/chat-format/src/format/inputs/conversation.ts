// Defines a conversation: messages and tools in the shape of OpenAI's API, which most chat templates expect.

export interface ChatMessage {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: ChatContent;
  /** The assistant's thought before its content. */
  readonly reasoning_content?: string;
  readonly tool_calls?: readonly ChatToolCall[];
  readonly tool_call_id?: string;
}

/** One text, or a list of text parts, which some templates read one by one. */
export type ChatContent = string | readonly { readonly type: "text"; readonly text: string }[];

export interface ChatToolCall {
  readonly id: string;
  readonly type: "function";
  /** `arguments` is a value. It is a text if the arguments are not JSON, or if parsing the JSON would change the arguments. */
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
    /** The template's variables by name, such as `enable_thinking`. */
    readonly variables?: Readonly<Record<string, unknown>>;
    /** Whether the answer continues the last message, which must be the assistant's. */
    readonly continueFinalMessage?: boolean;
  };
}

/** Joins several texts with line breaks, as llama.cpp does. */
export function chatText(content: ChatContent): string {
  return typeof content === "string" ? content : content.map(({ text }) => text).join("\n");
}

/** Thrown for a conversation that the model's chat template cannot show. The message is a clause without a full stop. */
export class TemplateInputError extends Error {
  override readonly name = "TemplateInputError";
}
