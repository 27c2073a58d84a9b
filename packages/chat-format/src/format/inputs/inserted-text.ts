// Inserts the text before a call into a rendering, for templates that show only the text or only the call. The text goes where
// the call begins, as in the model's answer.
import { type AnswerItem, beginnings, hasCall } from "../syntax.ts";
import { type ChatMessage, TemplateInputError, chatText } from "./conversation.ts";

/** Marks the name of a call that follows text. Guarded texts never contain this mark, since a guarded text never has two break marks in a row. */
export const insertionMark = "\uFDD0\uFDD0";

/** The texts of all messages that have text before their calls. */
export function textsBeforeCalls(messages: readonly ChatMessage[]): readonly string[] {
  return messages.filter(saysBeforeCalls).map(({ content }) => chatText(content));
}

export function saysBeforeCalls({ content, tool_calls: calls = [] }: ChatMessage): boolean {
  return calls.length > 0 && chatText(content).trim() !== "";
}

/**
 * @param callsOpen the template's output between an answer's beginning and the name of its first call
 * @throws TemplateInputError if the template has left out a marked call
 */
export function insertTexts(rendered: string, callsOpen: string, texts: readonly string[]): string {
  const [first = "", ...rest] = rendered.split(callsOpen + insertionMark);
  if (rest.length !== texts.length) {
    throw new TemplateInputError("the model's chat template does not show every call");
  }
  const whole = first + rest.map((after, index) => (texts[index] ?? "") + callsOpen + after).join("");
  // Templates may print a call's name in its result, and the name contains the insertion mark.
  return whole.replaceAll(insertionMark, "");
}

/** The text from the beginning of the only call in a rendering to the call's name; undefined if the reader would not recognise the call after text. */
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
