import { expect, test } from "vitest";
import { textAt, type EmbedWork, type RerankWork } from "../port/work.ts";
import { pieceTokens, shortened } from "./text-progress.ts";

const work: EmbedWork = { kind: "embed", texts: ["a"] };
test("a piece ends so that whole tiles remain", () => {
  expect([pieceTokens(30, 100), pieceTokens(300, 100), pieceTokens(300, 20)]).toEqual([30, 44, 20]);
});

test("one query is for all documents; several queries have one document each", () => {
  const ranking = (queries: string[]): RerankWork => ({ kind: "rerank", queries, documents: ["a", "b"] });
  expect([0, 1, 2].map((index) => textAt(ranking(["q"]), index))).toEqual([
    { query: "q", document: "a" },
    { query: "q", document: "b" },
    undefined,
  ]);
  expect(textAt(ranking(["q", "r"]), 1)).toEqual({ query: "r", document: "b" });
});

test("a shortened vector has length 1", () => {
  expect(shortened([0.48, 0.64, 0.6], { ...work, dimensions: 2 })).toEqual(
    [0.6, 0.8].map((n) => expect.closeTo(n) as number),
  );
  expect(shortened([0.6, 0.8], work)).toEqual([0.6, 0.8]);
  expect(shortened([0, 0, 1], { ...work, dimensions: 2 })).toEqual([0, 0]);
});
