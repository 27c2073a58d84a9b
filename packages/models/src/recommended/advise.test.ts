// Compares the recommended models with their documented sizes, and tests which of them are best on machines of several sizes.
import { describe, expect, test } from "vitest";
import { parsePullable } from "../download/index.ts";
import { hyperparametersOf } from "../header/index.ts";
import { adviseModels, bestOfPurposes } from "./advise.ts";
import { listWords, listedOn, purposes, recommendedModels } from "./recommended-models.ts";
import { headerOfShape } from "./shape-header.ts";

const gib = 2 ** 30;

/** The documentation rounds sizes to three digits, and quantizer versions differ. */
const tolerance = 0.01;

describe.each(recommendedModels)("$name", ({ reference, bytes, shape }) => {
  test("has a reference that can be pulled", () => {
    const [, repo = "", tag = ""] = reference.split(":");
    expect(parsePullable(reference)).toMatchObject({ kind: "tag", user: repo.split("/")[0], tag });
    expect(tag).toBe(shape.quantization);
  });

  test("has a shape with the documented size", () => {
    expect(Math.abs(headerOfShape(shape).fileBytes - bytes) / bytes).toBeLessThan(tolerance);
  });

  test("has the header fields that the estimate needs", () => {
    const { layers, vocabulary, headLength, kvHeads } = shape;
    const numbers = hyperparametersOf(headerOfShape(shape));
    expect(numbers).toMatchObject({ layers, vocabularySize: vocabulary, keyLength: headLength });
    expect(numbers.kvHeadCounts).toEqual(Array.from({ length: layers }, () => kvHeads));
  });
});

test("the list is sorted by size, and has a date", () => {
  const sizes = recommendedModels.map(({ bytes }) => bytes);
  expect(sizes.map((bytes) => Math.round(bytes / 1e8))).toEqual(
    sizes.toSorted((one, other) => one - other).map((bytes) => Math.round(bytes / 1e8)),
  );
  expect(Date.parse(listedOn)).toBeLessThan(Date.parse("2030-01-01"));
  expect(listWords()).toBe(`The list is of ${listedOn}.`);
});

describe("the best model of each purpose", () => {
  const best = (freeGib: number, gigabytesPerSecond: number): readonly (string | undefined)[] => {
    const bandwidth = { bytesPerSecond: gigabytesPerSecond * 1e9, error: 0, threads: 2 };
    const machine = { freeBytes: freeGib * gib, bandwidth };
    return bestOfPurposes(adviseModels(machine, { slots: 8, hasAddon: true }), machine).map(
      ({ best: one }) => one?.model.name,
    );
  };

  test("grows with memory", () => {
    expect(purposes).toEqual(["chat", "code", "languages", "embedding"]);
    expect(best(0.5, 500)).toEqual([undefined, undefined, undefined, undefined]);
    expect(best(4, 500)).toEqual(["Qwen3 4B", "Qwen2.5 Coder 1.5B", "Qwen3 4B", "Qwen3 Embedding 0.6B"]);
    expect(best(64, 500)[0]).toBe("Llama 3.3 70B");
  });

  test("leaves a quarter of the memory", () => {
    expect(best(20, 500)[0]).toBe("gpt-oss 20B");
  });

  test("is not slower than people read", () => {
    expect(best(64, 30)).toEqual(["Qwen3 30B A3B", "Qwen3 Coder 30B A3B", "Qwen3 30B A3B", "Qwen3 Embedding 0.6B"]);
  });
});
