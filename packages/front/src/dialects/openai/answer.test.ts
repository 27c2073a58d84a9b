import { expect, test } from "vitest";
import { completionLogprobs, createTextOffsets } from "./answer.ts";
import type { TextLogprob } from "./answer.ts";

const entryOf = (...bytes: number[]): TextLogprob => ({ bytes, logprob: -1, top: [] });
const bytesOf = (text: string): number[] => [...Buffer.from(text)];

test("a token that ends one character and begins the next has the position of the first character; a byte order mark counts as text", () => {
  const [first = 0, second = 0, third = 0] = bytesOf("é🐝");
  const offsetsOf = createTextOffsets();
  const tokens = [entryOf(...bytesOf("\uFEFF")), entryOf(first), entryOf(second, third)];
  expect(offsetsOf([...tokens, entryOf(...bytesOf("é🐝").slice(3)), entryOf(97)])).toEqual([0, 1, 1, 2, 4]);
});

test("if several alternatives have the same text, only the most probable alternative is shown", () => {
  const top = [
    { bytes: [0xe6], logprob: -1 },
    { bytes: [97], logprob: -2 },
    { bytes: [0xe7], logprob: -3 },
  ];
  expect(completionLogprobs([{ bytes: [0xe6], logprob: -1, top }], [0])).toEqual({
    tokens: ["\uFFFD"],
    token_logprobs: [-1],
    top_logprobs: [{ "\uFFFD": -1, a: -2 }],
    text_offset: [0],
  });
});
