import { createSseDecoder } from "@waggle/sse";
import { expect, test } from "vitest";
import { responseFraming } from "./framing.ts";

function numbersOf(text: string): number[] {
  const numbers: number[] = [];
  createSseDecoder(({ data }) => numbers.push((JSON.parse(data) as { sequence_number: number }).sequence_number)).feed(
    text,
  );
  return numbers;
}

function open(after?: number) {
  const head = { id: "r", created_at: 0, tools: [] };
  return responseFraming({ head, key: "k", outward: (name) => ({ type: "function", name }) }, after);
}

test("a sign of life has the number of what came before it, in a stream that is resumed the one to go on after", () => {
  const said = { type: "token" as const, stream_id: "r", index: 0, text: "a", t_ms: 0 };
  const numbers = (after?: number): number[] => {
    const framing = open(after);
    return numbersOf(framing.keepAlive("silent") + framing.frame(said) + framing.keepAlive("silent"));
  };
  expect(numbers()).toEqual([0, 1, 1, 2, 3, 4, 4]);
  expect(numbers(3)).toEqual([3, 4, 4]);
  expect(numbers(9)).toEqual([9, 9]);
});
