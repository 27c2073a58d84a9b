// Tests which results of a decoder pass the check at load.
import { describe, expect, test } from "vitest";
import type { BatchDecoder } from "./batch-decoder.ts";
import { decoderProblem } from "./decoder-check.ts";
import type { Library } from "./library-context.ts";
import type { PublicAnswer } from "./oracle.ts";

/** Most probable token first. The distance between the greatest and the median logit is 10, so that logits may differ by 0.1. */
const expected: PublicAnswer = {
  token: 7,
  logits: new Map([
    [7, 10],
    [4, 9.95],
    [2, 0],
    [3, -5],
  ]),
};

/** @param decode of a decoder with the expected logits and these changes */
async function problemOf(
  decode: number | BatchDecoder["decode"],
  changes: readonly (readonly [token: number, logit: number])[] = [],
  { token, logits } = expected,
) {
  const emptied: number[] = [];
  const decoder: BatchDecoder = {
    decode: typeof decode === "number" ? async () => Float64Array.of(decode) : decode,
    logits: () => ({ logits: new Map([...logits, ...changes]) }),
    createSampler: () => ({ configure: () => {}, setRecent: () => {} }),
    canSample: () => true,
    takesDrafts: false,
  };
  const library = { context: { disposeSequence: (id: number) => emptied.push(id) } } as unknown as Library;
  const problem = await decoderProblem(decoder, library, { token, logits });
  expect(emptied).toEqual([0]);
  return problem;
}

describe("a decoder passes the check", () => {
  test("with the same token and logits", async () => expect(await problemOf(7)).toBeUndefined());

  test("with logits that differ as they do on a GPU", async () => {
    expect(
      await problemOf(7, [
        [7, 10.09],
        [3, -5.09],
      ]),
    ).toBeUndefined();
  });

  test("with another token whose logit is nearly the greatest", async () => {
    expect(await problemOf(4, [[4, 10.01]])).toBeUndefined();
  });

  test("with infinite logits, and logits that are not a number, where they are expected", async () => {
    const odd = {
      token: 7,
      logits: new Map([
        [7, 10],
        [2, -Infinity],
        [3, NaN],
      ]),
    };
    expect(await problemOf(7, [], odd)).toBeUndefined();
  });
});

describe("a decoder does not pass the check", () => {
  test("with a token that is less probable", async () => {
    expect(await problemOf(2)).toBe("it samples another token");
    expect(await problemOf(-1)).toBe("it samples another token");
  });

  test("with other logits, or none", async () => {
    expect(await problemOf(7, [[2, 0.2]])).toBe("it computes other logits");
    expect(await problemOf(7, [[2, NaN]])).toBe("it computes other logits");
  });

  test("if it fails", async () => {
    expect(await problemOf(() => Promise.reject(new Error("Eval has failed")))).toBe("it failed: Eval has failed");
  });
});
