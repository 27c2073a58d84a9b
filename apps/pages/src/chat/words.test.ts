// Shows the texts for queue positions and thinking times.
import { expect, it } from "vitest";
import { describeLine, thoughtWords } from "./words.ts";

it.each([
  [1, "next in line"],
  [2, "2nd in line"],
  [3, "3rd in line"],
  [4, "4th in line"],
  [11, "11th in line"],
  [22, "22nd in line"],
])("position %i is %s", (position, words) => expect(describeLine(position)).toBe(words));

it("a queue position is shown with the expected wait", () => {
  expect([describeLine(1, 3_100), describeLine(2, 900)]).toEqual(["next in line, about 4 s", "2nd in line, about 1 s"]);
});

it.each([
  [undefined, true, "Thinking…"],
  [undefined, false, "Thoughts"],
  [3_900, true, "Thinking… 3 s"],
  [12_300, false, "Thought for 12 s"],
  [200, false, "Thought for less than a second"],
  [125_000, false, "Thought for 2 min"],
])("thoughts of %s ms, thinking %s: %s", (ms, thinking, words) => {
  expect(thoughtWords(ms, thinking)).toBe(words);
});
