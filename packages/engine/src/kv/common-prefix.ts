// Compares a prompt with cached tokens: the length of the common prefix, and the first text that is not cached.
import type { Entries, HeldEntry } from "../port/kv.ts";
import type { Token } from "../port/steps.ts";
import { isCell, wholeChunks } from "../port/entries.ts";
import { createTextDecoder } from "../sequence/decode-text.ts";

/** Returns the length of the common prefix, at most `limit`. A chunk of a picture counts only as a whole, because a cache cannot be cut within it. */
export function commonPrefix({ entries, chunks }: Entries, prompt: readonly HeldEntry[], limit = Infinity): number {
  const most = Math.min(entries.length, prompt.length, limit);
  let length = 0;
  while (length < most && entries[length] === prompt[length]) length += 1;
  return wholeChunks(chunks, length);
}

/** Length of the excerpt: enough for a client to find the position in the prompt. */
const mostChars = 80;
/** Maximum number of tokens to decode for the excerpt. A limit is needed because control tokens have no text. */
const mostTokens = 160;

/** @param from index of the first token that is not cached @returns "" where the tokens from there on have no text */
export function differsAt(
  prompt: readonly HeldEntry[],
  from: number,
  tokenBytes: (token: Token) => Uint8Array,
): string {
  const decoder = createTextDecoder();
  let text = "";
  for (let at = from; at < Math.min(prompt.length, from + mostTokens) && text.length < mostChars; at += 1) {
    const entry = prompt[at];
    // A picture has no text.
    if (entry === undefined || isCell(entry)) break;
    text += decoder.decode(tokenBytes(entry), { stream: true });
  }
  // The first token may be the rest of a character, which decodes to U+FFFD.
  const whole = [...text.replace(/^\uFFFD+/, "")];
  return whole.slice(0, mostChars).join("");
}
