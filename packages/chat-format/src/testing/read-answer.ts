// Reads answers in tests. Adjacent parts of one kind are joined, since the result must not depend on the pieces of the answer.
import type { AnswerPart, AnswerStart, AnswerTool } from "../format/answer.ts";
import type { ChatFormat } from "../format/format.ts";
import { usualInputs } from "../format/inputs/template-inputs.ts";
import { createReader } from "../format/reader.ts";
import type { AnswerItem, Syntax } from "../format/syntax.ts";

export const weatherTools: readonly AnswerTool[] = [
  {
    name: "weather",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string" },
        days: { type: "integer" },
        where: { type: "object" },
        note: { type: ["string", "null"] },
      },
    },
  },
  { name: "time" },
];

/** A format with these items only. */
export function formatOf(...answer: readonly (AnswerItem | Syntax)[]): ChatFormat {
  return {
    name: "test",
    answer: answer.map((item) => ("at" in item ? item : { at: "anywhere", syntax: item })),
    turnOpens: [],
    markers: [],
    marks: [],
    inputs: usualInputs,
    abilities: { tools: true, parallelCalls: true, thinking: "never", switches: [] },
  };
}

export function readAnswer(
  format: ChatFormat,
  pieces: readonly string[],
  { tools = weatherTools, start }: { tools?: readonly AnswerTool[]; start?: AnswerStart } = {},
): { parts: AnswerPart[]; calls: { begun: number; complete: number; unreadable: number } } {
  const reader = createReader({ format, tools, ...(start === undefined ? {} : { start }) });
  const parts = joined([...pieces.flatMap((piece) => reader.push(piece)), ...reader.end()]);
  return { parts, calls: { ...reader.calls } };
}

/** Joins adjacent parts of one kind. */
export function joined(told: readonly AnswerPart[]): AnswerPart[] {
  const parts: AnswerPart[] = [];
  for (const part of told) {
    const last = parts.at(-1);
    if (last !== undefined && part.kind !== "call" && last.kind === part.kind) {
      parts[parts.length - 1] = { ...last, text: last.text + part.text } as AnswerPart;
    } else parts.push(part);
  }
  return parts;
}

/** Cuts the text into pieces of these lengths; the list of lengths repeats. */
export function cut(text: string, lengths: readonly number[]): string[] {
  const pieces: string[] = [];
  for (let at = 0, i = 0; at < text.length; i += 1) {
    const length = lengths[i % lengths.length] ?? 1;
    pieces.push(text.slice(at, at + length));
    at += length;
  }
  return pieces;
}
