// Limits the length of prompts and texts: counts their characters, and refuses what exceeds the context window.
import { WaggleError } from "@waggle/protocol";
import type { PromptInput, PromptPiece } from "./prompts.ts";
import type { Work } from "./work.ts";

/**
 * Most characters per token, on average over a prompt, that a tokenizer can reach. Tokenizing delays every stream, so a text
 * that is far too long is refused by its length alone.
 */
export const maxCharsPerToken = 64;
/** V8 stores a character in at most two bytes. */
export const bytesPerChar = 2;

/** @throws WaggleError invalid_argument when the input's texts are so long that no tokenizer could fit them into the context */
export function checkChars(input: PromptInput, contextSize: number): void {
  const enough = maxCharsPerToken * contextSize;
  const fewestTokens = Math.max(1, Math.ceil(charsOf(input, enough) / maxCharsPerToken));
  checkLength(fewestTokens, contextSize, true);
}

/**
 * Whether a streamed answer's prompt might not fit into the context. A token has at least one byte, and the markers around a message are fewer than the
 * characters of its keys. The tokens of a picture are unknown.
 */
export function mayOverflow(work: Work, contextSize: number): boolean {
  // Code with a hole is cut to the context.
  if (work.kind !== "generate" || work.prompt.kind === "infill") return false;
  return work.pictures !== undefined || countChars(work.prompt, contextSize, 1, Buffer.byteLength) >= contextSize;
}

/** Counts the characters of the input; a token among the pieces counts as `maxCharsPerToken` characters. */
function charsOf(input: PromptInput, enough: number): number {
  switch (input.kind) {
    case "text":
      return input.text.length;
    case "pieces":
      return input.pieces.reduce(
        (sum, piece) => sum + (typeof piece === "string" ? piece.length : maxCharsPerToken * tokensIn(piece)),
        0,
      );
    case "infill":
      // Code with a hole is cut to the context later, so its length does not matter.
      return 0;
    case "messages":
      return countChars([input.messages, input.tools], enough);
  }
}

function tokensIn(piece: Exclude<PromptPiece, string>): number {
  return "type" in piece ? 1 : piece.length;
}

/**
 * Counts the characters of all texts and keys in a value, one for two bytes, and `charsPerValue` for each other value; stops at `enough`. The keys of a
 * message have fewer characters than the markers around the message in any template.
 */
export function countChars(
  value: unknown,
  enough = Infinity,
  charsPerValue = 1,
  lengthOf = (text: string) => text.length,
): number {
  const todo = [value];
  let chars = 0;
  while (todo.length > 0 && chars < enough) {
    const part = todo.pop();
    if (typeof part === "string") chars += lengthOf(part);
    else if (part instanceof Uint8Array) chars += part.length / bytesPerChar;
    else if (typeof part !== "object" || part === null) chars += charsPerValue;
    else if (Array.isArray(part)) for (const item of part) todo.push(item);
    else {
      for (const [key, inner] of Object.entries(part)) {
        chars += key.length;
        todo.push(inner);
      }
    }
  }
  return chars;
}

/** Refuses a prompt without tokens, because sampling needs a computed token, and a prompt without room for an answer in the context. */
export function checkLength(promptTokens: number, contextSize: number, isEstimate = false): void {
  if (promptTokens === 0) throw new WaggleError("invalid_argument", "Cannot accept the prompt: it has no tokens.");
  if (promptTokens < contextSize) return;
  throw tooLong("accept the prompt", promptTokens, contextSize, isEstimate, ", the answer included");
}

/**
 * Clients search for "exceeds the context window", "this model's maximum context length is N tokens", "resulted in N tokens" or "the request exceeds the
 * available context size.", and then shorten the conversation. The contract test client-errors has their matchers.
 */
export function tooLong(task: string, tokens: number, most: number, isEstimate: boolean, note = ""): WaggleError {
  const count = `${tokens} tokens${isEstimate ? " or more" : ""}`;
  return new WaggleError(
    "invalid_argument",
    `Cannot ${task}: it exceeds the context window. This model's maximum context length is ${most} tokens${note}, but it resulted in ${count}, so the request exceeds the available context size. Reduce the length of the messages or texts.`,
    { details: { n_prompt_tokens: tokens, n_ctx: most } },
  );
}

/** The error for a query that leaves no room for a document, which can be cut. */
export function queryTooLong(tokens: number, most: number, isEstimate = false): WaggleError {
  return tooLong("rank with this query", tokens, most, isEstimate, ", the document included");
}
