// Tests that a body is split at the same places however it arrives, and that bodies of other shapes are refused.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createRequestSplitter } from "./split-requests.ts";

/** @param cuts where the body is cut into chunks */
function split(body: string, cuts: readonly number[] = [], maxElementBytes = 10_000): readonly string[] {
  const splitter = createRequestSplitter(maxElementBytes);
  const bytes = Buffer.from(body);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).toSorted((a, b) => a - b), bytes.length];
  const elements = places.slice(1).flatMap((end, index) => {
    const chunk = Uint8Array.from(bytes.subarray(places[index], end));
    return Array.from(splitter.write(chunk), (element) => element.toString("utf8"));
  });
  splitter.end();
  return elements;
}

const text = fc.oneof(fc.string(), fc.constantFrom('"', "\\", '\\"', "[{", "}]", '"requests":[', "🐝"));
const element = fc.dictionary(text, fc.oneof(text, fc.array(fc.jsonValue({ maxDepth: 3 }), { maxLength: 3 })), {
  maxKeys: 4,
});
const others = fc.dictionary(fc.constantFrom("a", "b", "requests2"), fc.jsonValue({ maxDepth: 3 }));

test("each element has its JSON, in any cut of the body", () => {
  fc.assert(
    fc.property(
      fc.array(element, { minLength: 1, maxLength: 5 }),
      fc.tuple(others, others),
      fc.array(fc.nat(4_000), { maxLength: 12 }),
      fc.constantFrom(0, 1, 4),
      (requests, [before, after], cuts, spaces) => {
        const { requests: _, ...rest } = after as Record<string, unknown>;
        const body = JSON.stringify({ ...before, requests, ...rest }, null, spaces);
        expect(split(body, cuts).map((one) => JSON.parse(one) as unknown)).toEqual(
          JSON.parse(JSON.stringify(requests)),
        );
      },
    ),
  );
});

describe("a body is refused", () => {
  test.each([
    ['{"requests":[]}', "must not be empty"],
    ['{"requests":{"a":{}}}', "must be one list of objects"],
    ['{"requests":[{}],"requests":[{}]}', "must be one list of objects"],
    ['{"requests":[{},0]}', "must be one list of objects"],
    ['{"requests":[{},"x"]}', "must be one list of objects"],
    ['{"requests":"x"}', "must be one list of objects"],
    ['{"request":[{}]}', "missing; must be a list"],
    ["{}", "missing; must be a list"],
    ["[]", "missing; must be a list"],
    ["[{}]", "missing; must be a list"],
    ["", "not a JSON object"],
    ['{"requests":[{}', "not a JSON object"],
    ['{"requests":[{} {}]}', "not a JSON object"],
    ['{"requests":[{},]}', "not a JSON object"],
    ['{"requests":[{}]]}', "not a JSON object"],
    ['{"requests":[{}]}}', "not a JSON object"],
  ])("%s", (body, why) => {
    expect(() => split(body)).toThrow(why);
  });

  test("with an element or a rest that is too large", () => {
    const large = `{"requests":[{"a":"${"x".repeat(100)}"}]}`;
    expect(split(large, [], 110)).toHaveLength(1);
    expect(() => split(large, [], 100)).toThrow("larger than 100 bytes");
    expect(() => split(`{"a":"${"x".repeat(300_000)}","requests":[{}]}`)).toThrow("larger than");
    expect(split(`{"requests":[${" ".repeat(300_000)}{}]}`)).toEqual(["{}"]);
  });
});
