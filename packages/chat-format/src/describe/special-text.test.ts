import fc from "fast-check";
import { expect, test } from "vitest";
import { breakMark, createSpecialText } from "./special-text.ts";

const control = (text: string): { text: string; control: boolean } => ({ text, control: true });
const userDefined = (text: string): { text: string; control: boolean } => ({ text, control: false });

test("breaks the text of every control token in two", () => {
  const { guard } = createSpecialText([control("<s>"), control("</s>"), control("[INST]")]);
  expect(guard("a <s>b</s></s> [INST]")).toBe(`a <${breakMark}s>b<${breakMark}/s><${breakMark}/s> [${breakMark}INST]`);
  expect(guard("a < s> [INS T] <")).toBe("a < s> [INS T] <");
});

test("breaks each of several overlapping texts", () => {
  const { guard } = createSpecialText([control("aba"), control("bab")]);
  expect(guard("ababa").split(breakMark)).toEqual(["a", "b", "a", "ba"]);
});

test("breaks turn markers of any kind, and leaves other user-defined tokens to the template", () => {
  const { guard } = createSpecialText([userDefined("<|user|>"), userDefined("<think>"), userDefined("<tool|>")]);
  expect(guard("<|user|><think><tool|>")).toBe(`<${breakMark}|user|><think><${breakMark}tool|>`);
});

test("does not cut a character in half", () => {
  const { guard } = createSpecialText([control("🐝🐝")]);
  expect(guard("🐝🐝")).toBe(`🐝${breakMark}🐝`);
});

test("replaces break marks in a client's text", () => {
  const { guard } = createSpecialText([control("<s>")]);
  expect(guard(`<${breakMark}s>`)).toBe("<\uFFFDs>");
});

test("no piece of any text contains a control token, and the pieces are the text", () => {
  const specials = ["<s>", "</s>", "<|a|>", "ab", "ba<"];
  const { guard } = createSpecialText(specials.map(control));
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom("<", "s", ">", "/", "|", "a", "b", "🐝"), maxLength: 40 }),
      (text) => {
        const pieces = guard(text).split(breakMark);
        expect(pieces.join("")).toBe(text);
        for (const special of specials) expect(pieces.filter((piece) => piece.includes(special))).toEqual([]);
      },
    ),
  );
});
