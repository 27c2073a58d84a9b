// Renders a conversation as the model's prompt. Inserts text that the template cannot show, and cuts the prompt if the answer continues the last
// message.
import type { Render } from "../derive/conversations.ts";
import { type ChatConversation, TemplateInputError } from "./conversation.ts";
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

/**
 * The last text of the last message, which the answer continues: the content, or the thought if the message has no content.
 * @throws TemplateInputError if the last message cannot be continued
 */
export function finalText({ messages }: Pick<ChatConversation, "messages">): string {
  const last = messages.at(-1);
  if (last?.role !== "assistant") {
    throw new TemplateInputError(
      "only an assistant's message can be continued, and the last one is not an assistant's",
    );
  }
  if ((last.tool_calls?.length ?? 0) > 0) {
    throw new TemplateInputError("the last message cannot be continued: it ends with a call");
  }
  // Take only the last of several text parts, since templates join text parts in different ways.
  const text = typeof last.content === "string" ? last.content : (last.content.at(-1)?.text ?? "");
  const said = text.trim() === "" ? (last.reasoning_content ?? "") : text;
  if (said.trim() === "") throw new TemplateInputError("the last message cannot be continued: it is empty");
  return said;
}

/**
 * Removes everything after the last occurrence of the text. White space at the end of the text stays if the template has kept it.
 * @param rendered a conversation's rendering without a generation prompt
 * @throws TemplateInputError if the rendering does not contain the text
 */
export function continuedPrompt(rendered: string, text: string): string {
  const said = text.trim();
  const at = said === "" ? -1 : rendered.lastIndexOf(said);
  if (at === -1) throw new TemplateInputError("the model's chat template does not show the message to be continued");
  const whole = text.trimStart();
  return rendered.slice(0, at + (rendered.startsWith(whole, at) ? whole : said).length);
}
