// Defines the parts of an answer, and finds the beginning of the answer that the prompt already contains.
import type { ChatFormat } from "./format.ts";

/** A part of an answer, as the reader passes it on. */
export type AnswerPart =
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "content"; readonly text: string }
  /** A call begins. `index` counts an answer's calls from 0; `id` is the id that the model wrote, if its format has ids. */
  | { readonly kind: "call"; readonly index: number; readonly name: string; readonly id?: string }
  /** The next piece of a call's arguments, as JSON text. */
  | { readonly kind: "arguments"; readonly index: number; readonly text: string };

/** A tool that the answer may call. */
export interface AnswerTool {
  readonly name: string;
  /** JSON Schema of the arguments; absent: any object. */
  readonly parameters?: unknown;
}

/** The beginning of an answer that the prompt already contains, such as `<think>\n`. Markers are plain text. */
export interface AnswerStart {
  readonly said: string;
}

/** Length limit for the beginning of an answer in a prompt. A longer beginning is ignored. */
const maxSaidChars = 1_048_576;

/** @param prompt the rendered prompt, with markers as plain text */
export function answerStart({ turnOpens }: Pick<ChatFormat, "turnOpens">, prompt: string): AnswerStart {
  const ends = turnOpens.map((open) => ({ open, at: prompt.lastIndexOf(open) })).filter(({ at }) => at !== -1);
  const begins = Math.max(...ends.map(({ open, at }) => at + open.length));
  if (ends.length === 0 || prompt.length - begins > maxSaidChars) return { said: "" };
  return { said: prompt.slice(begins) };
}
