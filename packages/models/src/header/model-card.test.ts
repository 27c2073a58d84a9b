import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shapeNamed, writeRandomModel } from "@waggle/testing/models";
import { expect, test } from "vitest";
import { madeUpHeader } from "../testing/made-up-header.ts";
import { bytesSource } from "./byte-source.ts";
import { hyperparametersOf } from "./hyperparameters.ts";
import { modelCardOf, quantizationOf } from "./model-card.ts";
import { readGgufFile } from "./read-file.ts";
import { readGgufHeader } from "./read-header.ts";

const folder = mkdtempSync(join(tmpdir(), "model-card-"));

test("the card of a file has the facts that a user needs before loading the model", async () => {
  const path = join(folder, "embed.gguf");
  const bytes = writeRandomModel({ ...shapeNamed("embed"), layers: 2, width: 64, feedForward: 128 }, path);
  expect(modelCardOf(await readGgufFile(path))).toMatchObject({
    architecture: "bert",
    kind: "embed",
    quantization: "Q8_0",
    trainedContext: 512,
    embeddingSize: 64,
    layers: 2,
    fileBytes: bytes,
    parts: 1,
    chatTemplates: [],
    infill: false,
  });
});

test("the card of a file in Q4_K_M names this quantization, whatever the type of most weights is", async () => {
  const path = join(folder, "q4.gguf");
  const shape = { ...shapeNamed("1b"), layers: 8, width: 256, feedForward: 512, heads: 4, kvHeads: 2 };
  const bytes = writeRandomModel({ ...shape, vocabulary: 1_024, context: 32_768 }, path, { quantization: "Q4_K_M" });
  const header = await readGgufFile(path);
  expect(modelCardOf(header)).toMatchObject({
    ...{ architecture: "llama", quantization: "Q4_K_M", trainedContext: 32_768, fileBytes: bytes },
    vocabularySize: 1_024,
  });
  const types = header.tensors.map(({ type }) => type);
  expect([...new Set(types)].toSorted()).toEqual(["F32", "Q4_K", "Q6_K"]);
});

test("the card counts weights, and names all templates", async () => {
  const header = await readGgufHeader(
    bytesSource(
      madeUpHeader(
        {
          "general.architecture": "qwen2",
          "general.size_label": "8B",
          "general.description": " Made up,\n\tfor this test ",
          "tokenizer.chat_template": "{{ messages }}",
          "tokenizer.chat_template.tool_use": "{{ tools }}",
          "tokenizer.ggml.tokens": ["<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"],
        },
        [
          { name: "a", shape: [256, 4], type: 12 },
          { name: "b", shape: [100], offset: 576 },
        ],
        { dataBytes: 992 },
      ),
    ),
  );
  expect(modelCardOf(header)).toMatchObject({
    sizeLabel: "8B",
    description: "Made up, for this test",
    parameters: 1_124,
    quantization: "Q4_K",
    vocabularySize: 3,
    chatTemplates: ["default", "tool_use"],
    infill: true,
  });
  expect(header.tensors.map(({ bytes }) => bytes)).toEqual([576, 400]);
});

test("a long description is cut, and a blank description is dropped", async () => {
  const described = async (text: string) =>
    modelCardOf(
      await readGgufHeader(bytesSource(madeUpHeader({ "general.architecture": "llama", "general.description": text }))),
    ).description;
  expect(await described(" \n ")).toBeUndefined();
  const long = await described("🐝".repeat(500));
  expect([...(long ?? "")]).toHaveLength(400);
  expect(long?.endsWith("🐝…")).toBe(true);
});

test("the card of a model that cannot be used has the reason", async () => {
  const header = await readGgufHeader(bytesSource(madeUpHeader({ "general.architecture": "clip" })));
  expect(modelCardOf(header)).toMatchObject({ kind: undefined, problem: expect.stringContaining("neither") });
});

test("hyperparameters that differ between layers have a value for each layer", async () => {
  const header = await readGgufHeader(
    bytesSource(
      madeUpHeader({
        "general.architecture": "hybrid",
        "hybrid.block_count": 3,
        "hybrid.attention.head_count": 8,
        "hybrid.attention.head_count_kv": [0, 2, 0],
        "hybrid.ssm.inner_size": 64,
        "hybrid.ssm.state_size": 16,
      }),
    ),
  );
  expect(hyperparametersOf(header)).toMatchObject({
    headCounts: [8, 8, 8],
    kvHeadCounts: [0, 2, 0],
    recurrent: { innerSize: 64, stateSize: 16 },
  });
});

test("a tensor of an unknown type takes the bytes up to the next tensor", async () => {
  const header = await readGgufHeader(
    bytesSource(
      madeUpHeader(
        { "general.architecture": "llama" },
        [
          { name: "b", shape: [8], offset: 96 },
          { name: "a", shape: [8], type: 99, offset: 0 },
        ],
        { dataBytes: 128 },
      ),
    ),
  );
  expect(header.tensors.map(({ type, bytes }) => [type, bytes])).toEqual([
    ["F32", 32],
    ["type 99", 96],
  ]);
});

test.each([
  [0, "F32"],
  [7, "Q8_0"],
  [15, "Q4_K_M"],
  [18, "Q6_K"],
  [25, "IQ4_NL"],
  [32, "BF16"],
  [38, "MXFP4_MOE"],
  [41, "Q2_0"],
  [4_711, undefined],
  [undefined, undefined],
])("file type %s is %s", (fileType, name) => {
  expect(quantizationOf(fileType)).toBe(name);
});
