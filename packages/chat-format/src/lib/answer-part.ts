// Owns what an answer consists of: thoughts, content and tool calls, in the order in which they come.

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
