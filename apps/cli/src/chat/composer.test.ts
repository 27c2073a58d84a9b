import { expect, it } from "vitest";
import { createComposer } from "./composer.ts";

it.each([
  ["a line", ["hello"], ["hello"]],
  ["a line that ends in a backslash", ["one\\", "two\\", "three", "four"], ["one\ntwo\nthree", "four"]],
  ["lines between quotes", ['"""', "one", "", "two\\", '"""', "next"], ["one\n\ntwo\\", "next"]],
  ["quotes next to words", ['"""one', 'two"""'], ["one\ntwo"]],
  ["quotes on one line", ['"""one"""'], ["one"]],
  ["quotes within a line", ['say """ now'], ['say """ now']],
])("joins lines to messages: %s", (_, lines, messages) => {
  const composer = createComposer();
  expect(lines.map((line) => composer.add(line)).filter((message) => message !== undefined)).toEqual(messages);
  expect(composer.open).toBe(false);
});

it("reset drops an incomplete message", () => {
  const composer = createComposer();
  composer.add('"""');
  composer.add("lost");
  expect(composer.open).toBe(true);
  composer.reset();
  expect([composer.open, composer.add("kept")]).toEqual([false, "kept"]);
});
