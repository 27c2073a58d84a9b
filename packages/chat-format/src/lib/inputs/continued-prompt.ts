// Owns where a prompt ends that the answer is to go on with: in the last message, right behind what it says. As transformers has it.
import { type ChatConversation, TemplateInputError } from "./conversation.ts";

/**
 * What the last message says last, which the answer goes on with: its content, or its thought where it has no content.
 * @throws TemplateInputError where the last message cannot go on
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
  // Of several texts the last; how a template joins them is its own affair.
  const text = typeof last.content === "string" ? last.content : (last.content.at(-1)?.text ?? "");
  const said = text.trim() === "" ? (last.reasoning_content ?? "") : text;
  if (said.trim() === "") throw new TemplateInputError("the last message cannot be continued: it is empty");
  return said;
}

/**
 * The rendering without what the template writes behind the last message: everything after the last occurrence of its text goes. White
 * space at the text's end stays where the template has kept it.
 * @param rendered a conversation's rendering without a generation prompt
 * @throws TemplateInputError where the text is not in the rendering
 */
export function continuedPrompt(rendered: string, text: string): string {
  const said = text.trim();
  const at = said === "" ? -1 : rendered.lastIndexOf(said);
  if (at === -1) throw new TemplateInputError("the model's chat template does not show the message to be continued");
  const whole = text.trimStart();
  return rendered.slice(0, at + (rendered.startsWith(whole, at) ? whole : said).length);
}
