// Owns the answers that are scored: short labels, or the texts of the options.
import { refuseField } from "@waggle/protocol";
import type { Option, Question, Settings } from "./questions.ts";

/** The texts that count as one option. The first is the one in the prompt. */
export type Answers = readonly string[];

const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

export const yesAndNo: readonly Answers[] = [casesOf("yes"), casesOf("no")];

/**
 * Labels of options in the order in which the prompt lists them: yes and no; digits for levels and for options that are digits; else letters. No label
 * is the beginning of another one.
 * @throws WaggleError invalid_argument if texts are scored, and two options have the same text
 */
export function answersOf(
  { type, field, options }: Question,
  order: readonly number[],
  scoring: Settings["scoring"],
): readonly Answers[] {
  const listed = order.flatMap((index) => options[index] ?? []);
  const texts = listed.map(({ text }) => text);
  if (type === "noul") return order.flatMap((index) => [yesAndNo[index] ?? []]);
  if (scoring === "text") {
    if (texts.includes("") || new Set(texts).size < texts.length)
      throw refuseField("scoring", `the options of "${field}" need different texts, and none may be empty`);
    return texts.map((text) => [text]);
  }
  if (areDigits(listed)) return texts.map((text) => [text]);
  if (type === "score" && listed.length <= 10) return order.map((index) => [String(index)]);
  return lettersFor(listed.length).map((label) => [label]);
}

/** A to Z; for more options, codes of two letters. */
function lettersFor(count: number): readonly string[] {
  if (count <= letters.length) return [...letters.slice(0, count)];
  const at = (index: number): string => letters[index] ?? "";
  return Array.from({ length: count }, (_, i) => at(Math.floor(i / letters.length)) + at(i % letters.length));
}

function areDigits(options: readonly Option[]): boolean {
  return (
    options.every(({ text }) => /^\d$/.test(text)) && new Set(options.map(({ text }) => text)).size === options.length
  );
}

function casesOf(word: string): Answers {
  return [word, (word[0] ?? "").toUpperCase() + word.slice(1), word.toUpperCase()];
}
