import { describe, expect, test } from "vitest";
import { modelUseOf } from "./model-kind.ts";

/** What the library has read of a file. */
function fileOf(architecture: string, metadata: object, supportsRanking = false): Parameters<typeof modelUseOf>[0] {
  return {
    fileInfo: { metadata: { general: { architecture } }, architectureMetadata: metadata },
    fileInsights: { supportsRanking },
  } as Parameters<typeof modelUseOf>[0];
}

describe("what a model is for", () => {
  test.each<[what: string, file: Parameters<typeof modelUseOf>[0], use: object]>([
    ["a Llama", fileOf("llama", {}), { kind: "generate", mustBeWhole: false }],
    ["one that was told not to pool", fileOf("llama", { pooling_type: 0 }), { kind: "generate" }],
    ["a model that only sounds like an embedder", fileOf("pangu-embedded", {}), { kind: "generate" }],
    ["all-MiniLM", fileOf("bert", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["bge", fileOf("bert", { pooling_type: 2, attention: { causal: false } }), { kind: "embed", mustBeWhole: true }],
    ["nomic-embed", fileOf("nomic-bert", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["EmbeddingGemma", fileOf("gemma-embedding", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["Qwen3-Embedding", fileOf("qwen3", { pooling_type: 3 }), { kind: "embed", mustBeWhole: false }],
    [
      "a decoder that pools by its first token",
      fileOf("qwen2", { pooling_type: 2 }),
      { kind: "embed", mustBeWhole: true },
    ],
    [
      "a decoder that looks both ways",
      fileOf("qwen2", { pooling_type: 3, attention: { causal: false } }),
      { kind: "embed", mustBeWhole: true },
    ],
    ["bge-reranker", fileOf("bert", {}, true), { kind: "rerank", mustBeWhole: true, ranksByProbability: false }],
    ["an embedder with a head", fileOf("bert", { pooling_type: 1 }, true), { kind: "embed" }],
    [
      "Qwen3-Reranker",
      fileOf("qwen3", { pooling_type: 4 }, true),
      { kind: "rerank", mustBeWhole: false, ranksByProbability: true },
    ],
  ])("%s", (_, file, use) => expect(modelUseOf(file)).toMatchObject(use));

  test("is nothing where the file does not say enough", () => {
    expect(() => modelUseOf(fileOf("bert", {}))).toThrow("pooling_type");
    expect(() => modelUseOf(fileOf("bert", { pooling_type: 4 }))).toThrow("without a classification head");
  });
});
