// Converts what became of a call to a text with a bounded length, which the model gets.
import type { CallToolResult } from "@modelcontextprotocol/sdk/types.js";

/** Characters of a result that the model gets. */
const resultChars = 65_536;

export interface CallOutcome {
  /**
   * `done`: the tool's result. `tool_error`: the tool reports an error. `failed`: the call was not sent. `refused`: the user or the operator
   * does not allow the call. `unknown`: the call was sent, and no result came, so whether the tool ran is unknown.
   */
  readonly kind: "done" | "tool_error" | "failed" | "refused" | "unknown";
  readonly text: string;
}

export function failedOutcome(kind: "failed" | "refused" | "unknown", why: string): CallOutcome {
  const text = kind === "unknown" ? `${why} Whether the tool ran is unknown. The call is not repeated.` : why;
  return { kind, text };
}

/** Texts are joined. Other content is named, but its data are left out. */
export function outcomeOf({ content, isError, structuredContent }: CallToolResult): CallOutcome {
  const parts = content.map((part): string => {
    switch (part.type) {
      case "text":
        return part.text;
      case "image":
      case "audio":
        return `[${part.type} of type ${part.mimeType.slice(0, 64)}, left out]`;
      case "resource_link":
        return `[link to ${part.uri.slice(0, 1_024)}]`;
      case "resource":
        return "text" in part.resource
          ? part.resource.text
          : `[data of ${part.resource.uri.slice(0, 1_024)}, left out]`;
    }
  });
  const text =
    parts.length === 0 && structuredContent !== undefined ? JSON.stringify(structuredContent) : parts.join("\n");
  return { kind: isError === true ? "tool_error" : "done", text: cut(text) };
}

/** Never cuts a character in half, and says how much is missing. */
function cut(text: string): string {
  if (text.length <= resultChars) return wellFormed(text);
  const kept = wellFormed(text.slice(0, resultChars));
  return `${kept}\n[The result has ${text.length} characters. The last ${text.length - resultChars} are left out.]`;
}

/** Replaces halves of characters, which a cut may leave, and which cannot be written as UTF-8. */
export function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, "\u{fffd}");
}
