// Owns one call while it is read: its name and id until they are told, and its arguments as they come.
import type { AnswerPart, AnswerTool } from "./answer-part.ts";

export interface CallInProgress {
  name(text: string): boolean;
  /** Whether a tool's name begins like this. */
  mayBecomeName(text: string): boolean;
  id(text: string): void;
  readonly isNamed: boolean;
  /** Whether the call was told since `reset`. */
  readonly isTold: boolean;
  /** Tells the call, once. False: it has no name yet. */
  tell(): boolean;
  arguments(json: string): void;
  /** Its arguments have been seen to their end. */
  complete(): void;
  reset(): void;
  readonly schema: unknown;
  readonly counts: { begun: number; complete: number; unreadable: number };
}

export function createCallInProgress(tools: readonly AnswerTool[], tell: (part: AnswerPart) => void): CallInProgress {
  const byName = new Map(tools.map((tool) => [tool.name, tool]));
  const counts = { begun: 0, complete: 0, unreadable: 0 };
  let tool: AnswerTool | undefined;
  let id: string | undefined;
  let told = false;

  return {
    name(text) {
      tool = byName.get(text);
      return tool !== undefined;
    },
    mayBecomeName: (text) => tools.some(({ name }) => name.startsWith(text)),
    id(text) {
      // A mere number counts the calls of one answer, and the next answer has the same one.
      if (/\D/.test(text)) id = text;
    },
    get isNamed() {
      return tool !== undefined;
    },
    get isTold() {
      return told;
    },
    tell() {
      if (tool === undefined) return false;
      if (told) return true;
      tell({ kind: "call", index: counts.begun, name: tool.name, ...(id === undefined ? {} : { id }) });
      counts.begun += 1;
      told = true;
      return true;
    },
    arguments(json) {
      if (json !== "") tell({ kind: "arguments", index: counts.begun - 1, text: json });
    },
    complete() {
      counts.complete += 1;
    },
    reset() {
      tool = undefined;
      id = undefined;
      told = false;
    },
    get schema() {
      return tool?.parameters;
    },
    counts,
  };
}
