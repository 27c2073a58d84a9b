// Renders conversations with the chat template of a loaded model, on a separate thread.
import { IsolateError } from "@waggle/async";
import { renderConversation, thoughtEndOf, type ChatConversation } from "@waggle/chat-format/format";
import { TemplateError, createTemplateRenderer } from "@waggle/chat-format/template";
import type { TemplateValues } from "@waggle/chat-format/template";
import type { PromptInput } from "@waggle/engine";
import { openModelChat, problemOfMessages, type ModelChat, type ModelChatOptions } from "@waggle/chat-format/describe";
import { WaggleError, refuseField } from "@waggle/protocol";

export type Conversation = Omit<PromptInput & { kind: "messages" }, "kind">;

export interface ChatRenderer {
  /**
   * @returns the conversation up to the beginning of the assistant's turn, or to the end of an assistant's message that the job continues
   * @throws WaggleError invalid_argument if the template cannot render these messages
   */
  render(conversation: ChatConversation): Promise<string>;
}

export interface Chat extends ChatRenderer, Omit<ModelChat, "template"> {
  /** Text that closes a thought; "" for a model without thoughts. */
  readonly thoughtEnd: string;
  close(): Promise<void>;
}

/** @throws WaggleError unavailable if the chosen template cannot be rendered, or no template can be rendered now */
export async function openChat(options: ModelChatOptions): Promise<Chat> {
  const renderer = createTemplateRenderer();
  try {
    return chatOf(await openModelChat(renderer, options), () => renderer.close());
  } catch (error) {
    await renderer.close();
    if (!(error instanceof TemplateError)) throw error;
    const { message, reason } = error;
    const why =
      reason === "unavailable"
        ? `Cannot render the chat template now: ${message}. Load the model again when the machine is less busy.`
        : `Cannot use the chat template that was chosen: ${message}`;
    throw new WaggleError("unavailable", why, { cause: error });
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
        const isFull = error.cause instanceof IsolateError && error.cause.reason === "full";
        throw new WaggleError(
          isFull ? "resource_exhausted" : "unavailable",
          `Cannot render the prompt: ${error.message}`,
        );
      }
    },
    close,
  };
}
