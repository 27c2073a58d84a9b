import { describe, expect, test } from "vitest";
import { madeUpHeader, type MadeUpValue } from "../testing/made-up-header.ts";
import { bytesSource } from "./byte-source.ts";
import { modelUseOf } from "./model-use.ts";
import { readGgufHeader, type GgufHeader } from "./read-header.ts";

async function headerOf(
  architecture: string,
  values: Readonly<Record<string, MadeUpValue>>,
  head = false,
): Promise<GgufHeader> {
  const own = Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, value]);
  const metadata = { "general.architecture": architecture, ...Object.fromEntries(own) };
  const tensors = head ? [{ name: "cls.weight", shape: [8] }] : [];
  return await readGgufHeader(bytesSource(madeUpHeader(metadata, tensors, { dataBytes: 32 })));
}

describe("the use of a model", () => {
  test.each<[what: string, header: Promise<GgufHeader>, use: object]>([
    ["a Llama", headerOf("llama", {}), { kind: "generate", mustBeWhole: false }],
    ["a Llama with pooling switched off", headerOf("llama", { pooling_type: 0 }), { kind: "generate" }],
    ["a generator whose name looks like an embedder's", headerOf("pangu-embedded", {}), { kind: "generate" }],
    ["all-MiniLM", headerOf("bert", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["bge", headerOf("bert", { pooling_type: 2, "attention.causal": false }), { kind: "embed", mustBeWhole: true }],
    ["nomic-embed", headerOf("nomic-bert", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["EmbeddingGemma", headerOf("gemma-embedding", { pooling_type: 1 }), { kind: "embed", mustBeWhole: true }],
    ["Qwen3-Embedding", headerOf("qwen3", { pooling_type: 3 }), { kind: "embed", mustBeWhole: false }],
    [
      "a decoder that pools by its first token",
      headerOf("qwen2", { pooling_type: 2 }),
      { kind: "embed", mustBeWhole: true },
    ],
    [
      "a decoder without causal attention",
      headerOf("qwen2", { pooling_type: 3, "attention.causal": false }),
      { kind: "embed", mustBeWhole: true },
    ],
    ["bge-reranker", headerOf("bert", {}, true), { kind: "rerank", mustBeWhole: true, ranksByProbability: false }],
    ["an embedder with a classification head", headerOf("bert", { pooling_type: 1 }, true), { kind: "embed" }],
    [
      "Qwen3-Reranker",
      headerOf("qwen3", { pooling_type: 4 }, true),
      { kind: "rerank", mustBeWhole: false, ranksByProbability: true },
    ],
  ])("%s", async (_, header, use) => expect(modelUseOf(await header)).toMatchObject(use));

  test.each<[what: string, reason: string, header: Promise<GgufHeader>]>([
    ["an encoder without a pooling type", "pooling_type", headerOf("bert", {})],
    [
      "a reranker without a classification head",
      "without a classification head",
      headerOf("bert", { pooling_type: 4 }),
    ],
    [
      "a decoder that needs an encoder first",
      "architecture t5 neither generates text nor embeds it",
      headerOf("t5", {}),
    ],
    [
      "a context of 2^32-1 tokens",
      "a context of 4294967295 tokens",
      headerOf("llama", { context_length: 2 ** 32 - 1 }),
    ],
    [
      "a model for decisions",
      'decisions (type "lev") are not supported',
      headerOf("qwen35", { "decision.type": "lev" }),
    ],
    ["a model for decisions of type 7", 'decisions (type "") are not', headerOf("qwen35", { "decision.type": 7 })],
    ["a model for pictures", "architecture clip neither generates", headerOf("clip", {})],
  ])("is an error for %s", async (_, reason, header) => {
    const read = await header;
    expect(() => modelUseOf(read)).toThrow(reason);
  });
});
