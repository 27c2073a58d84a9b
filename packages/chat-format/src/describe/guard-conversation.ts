// Guards every text of a conversation, so that no text of a client becomes a control token in the prompt.
import type { Pace } from "@waggle/async";
import type { ChatConversation } from "../format/index.ts";
import { withoutMarks } from "./picture-marks.ts";
import type { SpecialText } from "./special-text.ts";

/** @param pace receives each text's length in characters before the text is searched, so that a thread with other work can pause */
export async function guardConversation(
  { messages, tools, template }: ChatConversation,
  specialText: SpecialText,
  pace: Pace = () => undefined,
): Promise<ChatConversation> {
  const guard = createGuard(specialText, pace);
  // Only messages have pictures.
  const guardVariables = createGuard({ guard: (text) => specialText.guard(withoutMarks(text)) }, pace);
  return {
    messages: await guard(messages),
    ...(tools === undefined ? {} : { tools: await guard(tools) }),
    ...(template === undefined ? {} : { template: await guardVariables(template) }),
  };
}

/** Returns a function that copies a value and guards every text in the copy, also the keys of objects: the keys in tool schemas come from clients. */
function createGuard(specialText: SpecialText, pace: Pace): <T>(value: T) => Promise<T> {
  async function guard(part: unknown): Promise<unknown> {
    if (typeof part === "string") {
      await pace(part.length);
      return specialText.guard(part);
    }
    if (Array.isArray(part)) {
      const items: unknown[] = [];
      for (const item of part) items.push(await guard(item));
      return items;
    }
    if (typeof part !== "object" || part === null) return part;
    const entries: [string, unknown][] = [];
    for (const [key, inner] of Object.entries(part)) {
      entries.push([(await guard(key)) as string, await guard(inner)]);
    }
    return Object.fromEntries(entries);
  }
  return async <T>(value: T) => (await guard(value)) as T;
}
