// Owns how a conversation becomes the model's prompt: what the template writes of it, and what is put in where the template has no place for it.
import type { Render } from "../derive/conversations.ts";
import { continuedPrompt, finalText } from "./continued-prompt.ts";
import type { ChatConversation } from "./conversation.ts";
import { insertTexts, textsBeforeCalls } from "./inserted-text.ts";
import type { TemplateInputs } from "./template-inputs.ts";
import { templateValues } from "./template-values.ts";

/**
 * The conversation up to where the assistant is to speak, or to the end of what it has said already.
 * @throws TemplateInputError for what cannot be shown; whatever `render` throws
 */
export async function renderConversation(
  inputs: TemplateInputs,
  conversation: ChatConversation,
  render: Render,
): Promise<string> {
  const { callsOpen } = inputs;
  const rendered = await render(templateValues(inputs, conversation));
  const whole =
    callsOpen === undefined ? rendered : insertTexts(rendered, callsOpen, textsBeforeCalls(conversation.messages));
  const continues = conversation.template?.continueFinalMessage === true;
  return continues ? continuedPrompt(whole, finalText(conversation)) : whole;
}
