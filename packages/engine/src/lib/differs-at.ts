// Owns what a person is shown of a prompt to see where it left the cache: its first text that has to be computed.
import type { Token } from "./backend.ts";
import { createTextDecoder } from "./text.ts";

/** Enough to find the place in one's own prompt. */
const mostChars = 80;
/** Control tokens and parts of characters have no text of their own. */
const mostTokens = 160;

/** @param from the first token that is in no cache; "" where it and those after it have no text */
export function differsAt(prompt: readonly Token[], from: number, tokenBytes: (token: Token) => Uint8Array): string {
  const decoder = createTextDecoder();
  let text = "";
  for (let at = from; at < Math.min(prompt.length, from + mostTokens) && text.length < mostChars; at += 1) {
    text += decoder.decode(tokenBytes(prompt[at] as Token), { stream: true });
  }
  // The first token may be the rest of a character, which decodes to U+FFFD.
  const whole = [...text.replace(/^\uFFFD+/, "")];
  return whole.slice(0, mostChars).join("");
}
