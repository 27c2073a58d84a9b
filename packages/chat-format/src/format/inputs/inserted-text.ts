// Owns the text of an answer before a call, for templates that show only one of the two: it is put into the rendering where the call begins, as
// the model wrote it.
import { type AnswerItem, beginnings, hasCall } from "../syntax.ts";
import { type ChatMessage, TemplateInputError, textOf } from "./conversation.ts";

/** Before the name of a call that text belongs to. Guarded text never holds it: a guard's marks have the text's own characters between them. */
export const insertionMark = "\uFDD0\uFDD0";

/** Of each message with text before its calls. */
export function textsBeforeCalls(messages: readonly ChatMessage[]): readonly string[] {
  return messages.filter(saysBeforeCalls).map(({ content }) => textOf(content));
}

export function saysBeforeCalls({ content, tool_calls: calls = [] }: ChatMessage): boolean {
  return calls.length > 0 && textOf(content).trim() !== "";
}

/**
 * @param callsOpen what the template writes between an answer's beginning and the name of its first call
 * @throws TemplateInputError where the template has left a marked call out
 */
export function insertTexts(rendered: string, callsOpen: string, texts: readonly string[]): string {
  const [first = "", ...rest] = rendered.split(callsOpen + insertionMark);
  if (rest.length !== texts.length) {
    throw new TemplateInputError("the model's chat template does not show every call");
  }
  const whole = first + rest.map((after, index) => (texts[index] ?? "") + callsOpen + after).join("");
  // A result may bear its call's name.
  return whole.replaceAll(insertionMark, "");
}

/**
 * The text from the beginning of a rendering's only call, by the format, to the call's name; undefined if the reader would not find the call
 * after text.
 */
export function callsOpenOf(
  rendered: string,
  { from, nameAt }: { readonly from: number; readonly nameAt: number },
  answer: readonly AnswerItem[],
): string | undefined {
  const openings = answer.flatMap(({ at, syntax }) =>
    at === "anywhere" && hasCall(syntax) ? (beginnings(syntax) ?? []) : [],
  );
  const places = openings.map((opening) => rendered.lastIndexOf(opening, nameAt)).filter((at) => at >= from);
  return places.length === 0 ? undefined : rendered.slice(Math.min(...places), nameAt);
}
