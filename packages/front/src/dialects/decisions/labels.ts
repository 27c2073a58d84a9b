// Owns the answers that are scored: short labels, or the texts of the options.
import { refuseField } from "@waggle/protocol";
import type { Question, Settings } from "./questions.ts";

/** The texts that count as one option. The first is the one in the prompt. */
export type Answers = readonly string[];

const capitals = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];

const yesAndNo: readonly Answers[] = [
  ["yes", "Yes", "YES"],
  ["no", "No", "NO"],
];

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
  if (type === "predicate") return inOrder(yesAndNo, order);
  const texts = inOrder(options, order).map(({ text }) => text);
  const differ = new Set(texts).size === texts.length;
  if (scoring === "text" && (!differ || texts.includes("")))
    throw refuseField("scoring", `the options of "${field}" need different texts, and none may be empty`);
  if (scoring === "text" || (differ && texts.every((text) => /^\d$/.test(text)))) return texts.map((text) => [text]);
  if (type === "score") return order.map((index) => [String(index)]);
  return codesOf(capitals, texts.length).map((label) => [label]);
}

/** @param order indexes of items */
export function inOrder<T>(items: readonly T[], order: readonly number[]): readonly T[] {
  return order.flatMap((index) => items.slice(index, index + 1));
}

/** Single signs; for more options than signs, all pairs. */
function codesOf(signs: readonly string[], count: number): readonly string[] {
  const codes = count <= signs.length ? signs : signs.flatMap((first) => signs.map((second) => first + second));
  return codes.slice(0, count);
}
