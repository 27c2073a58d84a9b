import { describe, expect, it } from "vitest";
import { parsedArguments } from "./messages.ts";

describe("the arguments of a call", () => {
  it("go into the prompt as JSON", () => {
    expect(parsedArguments('{"city":"Oslo","days":[1,2.5]}')).toEqual({ city: "Oslo", days: [1, 2.5] });
    expect(parsedArguments(String.raw`{"1.0":"\"1.0","a\\":"1.0"}`)).toEqual({ "1.0": '"1.0', "a\\": "1.0" });
  });

  it.each([
    ["text that is not JSON", "{"],
    ["JSON that is nested too deeply", `${"[".repeat(100_000)}${"]".repeat(100_000)}`],
    ["a number with more digits than a double can hold", '{"id":12345678901234567890}'],
    ["a number with the fraction .0", '{"x":[{"y":1.0}]}'],
    ["a number with an exponent", '{"x":1e3}'],
    ["an infinite number", '{"x":1e400}'],
  ])("stay text: %s", (_, text) => {
    expect(parsedArguments(text)).toBe(text);
  });
});
