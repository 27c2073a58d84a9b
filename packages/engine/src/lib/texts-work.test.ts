import { describe, expect, test } from "vitest";
import type { EmbedJob, RerankJob } from "./messages.ts";
import { createTextsWork, pieceTokens, shortened, takeTexts, textAt, type TextsWork } from "./texts-work.ts";

const job: EmbedJob = { kind: "embed", jobId: "e", texts: ["a"], cacheScope: "alice" };
const reason = new Error("oops");

/** By its length each; undefined: what tokenizing it threw. */
function workOf(...lengths: readonly (number | undefined)[]): TextsWork {
  const work = createTextsWork({ kind: "texts", job, promptTokens: 0 });
  lengths.forEach((length, index) => {
    const tokens =
      length === undefined
        ? { status: "rejected" as const, reason }
        : { status: "fulfilled" as const, value: Array.from({ length }, () => 1) };
    work.ahead.push({ index, tokens });
  });
  return work;
}

const together = { maxTogether: 3, maxTogetherTokens: 10 };
const takenOf = (work: TextsWork, limits = together): number[] => takeTexts(work, limits).map(({ index }) => index);

describe("the texts that begin now", () => {
  test("are as many short ones as are computed together", () => {
    const work = workOf(1, 10, 2, 3);
    expect([takenOf(work), takenOf(work), takenOf(work)]).toEqual([[0, 1, 2], [3], []]);
  });

  test("are one where nothing is gained together, and where it is long", () => {
    expect(takenOf(workOf(1, 1), { ...together, maxTogether: 1 })).toEqual([0]);
    const work = workOf(11, 1, 11, 1);
    expect([takenOf(work), takenOf(work), takenOf(work)]).toEqual([[0], [1], [2]]);
  });

  test("end before one that has no tokens, which fails when it comes first", () => {
    const work = workOf(1, undefined);
    expect(takenOf(work)).toEqual([0]);
    expect(() => takenOf(work)).toThrow(reason);
  });
});

test("a piece ends where whole tiles are left", () => {
  expect([pieceTokens(30, 100), pieceTokens(300, 100), pieceTokens(300, 20)]).toEqual([30, 44, 20]);
});

test("a query is for all documents, or each has its own", () => {
  const ranking = (queries: string[]): RerankJob => {
    return { kind: "rerank", jobId: "r", queries, documents: ["a", "b"], cacheScope: "alice" };
  };
  expect([0, 1, 2].map((index) => textAt(ranking(["q"]), index))).toEqual([
    { query: "q", document: "a" },
    { query: "q", document: "b" },
    undefined,
  ]);
  expect(textAt(ranking(["q", "r"]), 1)).toEqual({ query: "r", document: "b" });
});

test("a shorter vector has length 1, too", () => {
  expect(shortened([0.48, 0.64, 0.6], { ...job, dimensions: 2 })).toEqual(
    [0.6, 0.8].map((n) => expect.closeTo(n) as number),
  );
  expect(shortened([0.6, 0.8], job)).toEqual([0.6, 0.8]);
  expect(shortened([0, 0, 1], { ...job, dimensions: 2 })).toEqual([0, 0]);
});
