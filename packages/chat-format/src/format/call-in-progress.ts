// Collects the name and the id of the call that is being read, and passes on each piece of the call's arguments.
import type { AnswerPart, AnswerTool } from "./answer.ts";

export interface CallInProgress {
  /** Sets the call's name. Returns false if no tool has this name. */
  name(text: string): boolean;
  /** Whether a tool's name begins with this text. */
  mayBecomeName(text: string): boolean;
  id(text: string): void;
  readonly isNamed: boolean;
  /** Whether `tell` has passed the call on since `reset`. */
  readonly isTold: boolean;
  /** Passes the call on, unless `tell` did so before. Returns false if the call has no name yet. */
  tell(): boolean;
  arguments(json: string): void;
  /** Records that the call's arguments are complete. */
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
      // Ignore an id that is a number: such ids count the calls of one answer, so the next answer would have the same ids.
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
