// Owns what became of a call: its kind, the text with a bounded length that the model gets, and the pictures.
import { resultLimits } from "./limits.ts";

export interface CallPicture {
  readonly mimeType: string;
  /** Base64. */
  readonly data: string;
}

export interface CallOutcome {
  /**
   * `done`: the tool's result. `tool_error`: the tool reports an error. `failed`: the call was not sent, or the server did not take it. `refused`:
   * the user or the operator does not allow the call. `unknown`: the call was sent, and no result came, so whether the tool ran is unknown.
   */
  readonly kind: "done" | "tool_error" | "failed" | "refused" | "unknown";
  /** A picture has a note in its place. */
  readonly text: string;
  readonly pictures?: readonly CallPicture[];
}

export function failedOutcome(kind: "failed" | "refused" | "unknown", why: string): CallOutcome {
  const text = kind === "unknown" ? `${why} Whether the tool ran is unknown. The call is not repeated.` : why;
  return { kind, text };
}

/** Never cuts a character in half, and says how much is missing. */
export function cutResult(text: string): string {
  const { chars } = resultLimits;
  if (text.length <= chars) return wellFormed(text);
  const kept = wellFormed(text.slice(0, chars));
  return `${kept}\n[The result has ${text.length} characters. The last ${text.length - chars} are left out.]`;
}

/** Replaces halves of characters, which a cut may leave, and which cannot be written as UTF-8. */
export function wellFormed(text: string): string {
  return text.replaceAll(/\p{Surrogate}/gu, "\u{fffd}");
}
