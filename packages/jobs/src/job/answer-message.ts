// Combines the parts of an answer into one message, in the format of the history in the next request. Pure.
import type { AnswerMessage, TokenEvent } from "@waggle/protocol";

/** Maximum number of characters of the answer's message in the end event. The text of a longer answer is only in the stream's token events. */
const longestMessage = 1_048_576;

export interface MessageDraft {
  readonly content: string;
  readonly reasoning: string;
  readonly calls: readonly { readonly id: string; readonly name: string; readonly arguments: string }[];
}

export const emptyMessage: MessageDraft = { content: "", reasoning: "", calls: [] };

export function withToken(draft: MessageDraft, { part, text, call }: TokenEvent): MessageDraft {
  switch (part) {
    case undefined:
    case "content":
      return { ...draft, content: draft.content + text };
    case "reasoning":
      return { ...draft, reasoning: draft.reasoning + text };
    case "call":
      return { ...draft, calls: [...draft.calls, { id: call?.id ?? "", name: call?.name ?? "", arguments: "" }] };
    case "arguments":
      return {
        ...draft,
        calls: draft.calls.map((known, index) =>
          index === call?.index ? { ...known, arguments: known.arguments + text } : known,
        ),
      };
  }
}

/** Returns the number of characters in all texts of the message. */
export function lengthOf({ content, reasoning, calls }: MessageDraft): number {
  return calls.reduce((sum, call) => sum + call.name.length + call.arguments.length, content.length + reasoning.length);
}

/** Makes the message. Its last call is marked as cut if the answer ended within the call's arguments. */
export function toAnswerMessage({ content, reasoning, calls }: MessageDraft): AnswerMessage {
  return {
    role: "assistant",
    content: content === "" && calls.length > 0 ? null : content,
    ...(reasoning === "" ? {} : { reasoning_content: reasoning }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map(({ id, name, arguments: text }, index) => ({
            id,
            type: "function" as const,
            function: { name, arguments: text },
            ...(index === calls.length - 1 && !isWhole(text) ? { cut: true as const } : {}),
          })),
        }),
  };
}

function isWhole(json: string): boolean {
  try {
    JSON.parse(json);
    return true;
  } catch {
    return false;
  }
}

/** Adds the token to the message. Returns undefined once the message is too long for the end event. */
export function withinLimit(message: MessageDraft | undefined, token: TokenEvent): MessageDraft | undefined {
  if (message === undefined) return undefined;
  const longer = withToken(message, token);
  return lengthOf(longer) > longestMessage ? undefined : longer;
}
