// Owns the chat of a loaded model: its template, rendered on a thread, and what of a conversation goes into it.
import { renderConversation, thoughtEndOf } from "@waggle/chat-format";
import { TemplateError, createTemplateRenderer } from "@waggle/chat-template";
import type { TemplateValues } from "@waggle/chat-template";
import type { PromptInput } from "@waggle/engine";
import { openModelChat, problemOfMessages, type ModelChat, type ModelChatOptions } from "@waggle/model-chat";
import { WaggleError } from "@waggle/protocol";
import { refuseField } from "./field-error.ts";

export type Conversation = Omit<PromptInput & { kind: "messages" }, "kind">;

export interface ChatRenderer {
  /**
   * The conversation up to where the assistant is to speak, or to the end of what it has said already.
   * @throws WaggleError invalid_argument when the template cannot render these messages
   */
  render(conversation: Conversation): Promise<string>;
}

export interface Chat extends ChatRenderer, Omit<ModelChat, "template"> {
  /** What closes a thought from outside; "" where there are none. */
  readonly thoughtEnd: string;
  close(): Promise<void>;
}

/** @throws WaggleError unavailable when the template that was chosen cannot be rendered */
export async function openChat(options: ModelChatOptions): Promise<Chat> {
  const renderer = createTemplateRenderer();
  try {
    return chatOf(await openModelChat(renderer, options), () => renderer.close());
  } catch (error) {
    await renderer.close();
    if (!(error instanceof TemplateError) || options.chosen === undefined) throw error;
    const message = `Cannot use the chat template that was chosen: ${error.message}`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

function chatOf({ template, ...chat }: ModelChat, close: () => Promise<void>): Chat {
  const { format } = chat;
  return {
    ...chat,
    thoughtEnd: thoughtEndOf(format),
    async render(conversation) {
      try {
        return await renderConversation(
          format.inputs,
          conversation,
          async (values) => await template.render(values as TemplateValues),
        );
      } catch (error) {
        const problem = problemOfMessages(error);
        if (problem !== undefined) throw refuseField("messages", problem, error);
        if (!(error instanceof TemplateError)) throw error;
        throw new WaggleError("resource_exhausted", `Cannot render the prompt: ${error.message}`);
      }
    },
    close,
  };
}
