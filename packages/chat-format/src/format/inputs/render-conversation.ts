// Renders a conversation as the model's prompt, and inserts text for which the template has no place.
import type { Render } from "../derive/conversations.ts";
import { continuedPrompt, finalText } from "./continued-prompt.ts";
import type { ChatConversation } from "./conversation.ts";
import { insertTexts, textsBeforeCalls } from "./inserted-text.ts";
import type { TemplateInputs } from "./template-inputs.ts";
import { templateValues } from "./template-values.ts";

/**
 * Renders the conversation up to the beginning of the answer, or to the end of the last message if the answer continues it.
 * @throws TemplateInputError if the template cannot show the conversation; any error of `render`
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
