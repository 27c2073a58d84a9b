// Defines the parts of an answer, and finds the part of an answer that the prompt already contains.
import type { ChatFormat } from "./format.ts";

/** What a piece of an answer turned out to be. */
export type AnswerPart =
  | { readonly kind: "reasoning"; readonly text: string }
  | { readonly kind: "content"; readonly text: string }
  /** A call begins. Indexes are gapless from 0; `id` is the model's own, where its format has one. */
  | { readonly kind: "call"; readonly index: number; readonly name: string; readonly id?: string }
  /** More of a call's arguments, as JSON text. */
  | { readonly kind: "arguments"; readonly index: number; readonly text: string };

/** A tool that the answer may call. */
export interface AnswerTool {
  readonly name: string;
  /** JSON Schema of its arguments; absent: any object. */
  readonly parameters?: unknown;
}

/** The beginning of an answer that the prompt contains already (`<think>\n`), markers as text. */
export interface AnswerStart {
  readonly said: string;
}

/** If the prompt contains more of the answer than this, none of it is taken as the answer's beginning. */
const maxSaidChars = 1_048_576;

/** @param prompt as rendered, its markers as text */
export function answerStart({ turnOpens }: Pick<ChatFormat, "turnOpens">, prompt: string): AnswerStart {
  const ends = turnOpens.map((open) => ({ open, at: prompt.lastIndexOf(open) })).filter(({ at }) => at !== -1);
  const begins = Math.max(...ends.map(({ open, at }) => at + open.length));
  if (ends.length === 0 || prompt.length - begins > maxSaidChars) return { said: "" };
  return { said: prompt.slice(begins) };
}
