// Tests that the header reader finds the keys and tensors in made-up models that read pictures, with the names and sizes that llama.cpp looks for.
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { shapeNamed, pictureShapes, writePictureModel, type PictureShape } from "@waggle/testing/models";
import { beforeAll, describe, expect, test } from "vitest";
import { openFileSource } from "./byte-source.ts";
import { readGgufFile } from "./read-file.ts";
import type { GgufHeader } from "./read-header.ts";
import { readVocabularyTexts } from "./vocabulary-texts.ts";

const folder = mkdtempSync(join(tmpdir(), "made-up-pictures-"));
const headers = new Map<PictureShape, { model: GgufHeader; projector: GgufHeader }>();
beforeAll(async () => {
  for (const shape of pictureShapes) {
    const { model, projector } = writePictureModel({ folder, shape });
    headers.set(shape, { model: await readGgufFile(model), projector: await readGgufFile(projector) });
  }
});

function headersOf(shape: PictureShape): { model: GgufHeader; projector: GgufHeader } {
  const found = headers.get(shape);
  if (found === undefined) throw new Error(`no files of ${shape}`);
  return found;
}

const weightAndBias = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name}.weight`, `${name}.bias`]);
const separate = weightAndBias("attn_q", "attn_k", "attn_v", "attn_out", "ln1", "ln2", "ffn_up", "ffn_down");
const siglip = [...weightAndBias("v.patch_embd", "v.post_ln"), "v.position_embd.weight"];

interface Expected {
  readonly type: string;
  readonly patchSize: number;
  readonly layer: readonly string[];
  /** Tensors outside of layers. */
  readonly others: readonly string[];
  /** Sizes of the tensor whose output is the embedding of a token. */
  readonly last: readonly [name: string, shape: readonly number[]];
}

const expected: Readonly<Record<PictureShape, Expected>> = {
  qwen2vl: {
    ...{ type: "qwen2vl_merger", patchSize: 14, layer: separate },
    others: ["v.patch_embd.weight", "v.patch_embd.weight.1", ...weightAndBias("v.post_ln", "mm.0", "mm.2")],
    last: ["mm.2.weight", [256, 128]],
  },
  qwen3vl: {
    ...{ type: "qwen3vl_merger", patchSize: 16 },
    layer: weightAndBias("attn_qkv", "attn_out", "ln1", "ln2", "ffn_up", "ffn_down"),
    others: [
      ...[...siglip, "v.patch_embd.weight.1", ...weightAndBias("mm.0", "mm.2")],
      ...[0, 1, 2].flatMap((layer) => weightAndBias(...["norm", "fc1", "fc2"].map((x) => `v.deepstack.${layer}.${x}`))),
    ],
    last: ["mm.2.weight", [256, 128]],
  },
  gemma3: {
    ...{ type: "gemma3", patchSize: 14, layer: separate },
    others: [...siglip, "mm.soft_emb_norm.weight", "mm.input_projection.weight"],
    last: ["mm.input_projection.weight", [128, 64]],
  },
  llava: {
    ...{ type: "mlp", patchSize: 14, layer: separate },
    others: [
      ...["v.class_embd", "v.patch_embd.weight", "v.position_embd.weight"],
      ...weightAndBias("v.pre_ln", "v.post_ln", "mm.0", "mm.2"),
    ],
    last: ["mm.2.weight", [128, 128]],
  },
  pixtral: {
    ...{ type: "pixtral", patchSize: 16 },
    layer: ["attn_q", "attn_k", "attn_v", "attn_out", "ln1", "ln2", "ffn_gate", "ffn_up", "ffn_down"].map(
      (name) => `${name}.weight`,
    ),
    others: [...["v.patch_embd.weight", "v.pre_ln.weight", "v.token_embd.img_break"], ...weightAndBias("mm.1", "mm.2")],
    last: ["mm.2.weight", [128, 128]],
  },
  idefics3: {
    ...{ type: "idefics3", patchSize: 16, layer: separate },
    others: [...siglip, "mm.model.fc.weight"],
    last: ["mm.model.fc.weight", [256, 128]],
  },
};

describe.each(pictureShapes)("the projector of %s", (shape) => {
  test("has the keys that mtmd reads", () => {
    const { metadata, architecture } = headersOf(shape).projector;
    expect(architecture).toBe("clip");
    expect(metadata.string("general.type")).toBe("mmproj");
    expect(metadata.boolean("clip.has_vision_encoder")).toBe(true);
    expect(metadata.string("clip.projector_type")).toBe(expected[shape].type);
    expect(metadata.number("clip.vision.patch_size")).toBe(expected[shape].patchSize);
    expect(metadata.number("clip.vision.projection_dim")).toBe(128);
    expect(metadata.number("clip.vision.feed_forward_length")).toBe(256);
    expect(metadata.numbers("clip.vision.image_std")).toHaveLength(3);
  });

  test("has the tensors that mtmd loads", () => {
    const { metadata, tensors } = headersOf(shape).projector;
    const { layer, others, last } = expected[shape];
    const layers = Array.from({ length: metadata.number("clip.vision.block_count") ?? 0 }, (_, index) => index);
    const ofLayers = layers.flatMap((index) => layer.map((name) => `v.blk.${index}.${name}`));
    expect(layers.length).toBeGreaterThan(1);
    expect(tensors.map(({ name }) => name).toSorted()).toEqual([...ofLayers, ...others].toSorted());
    expect(tensors.find(({ name }) => name === last[0])?.shape).toEqual(last[1]);
    const patchSize = expected[shape].patchSize;
    const filters = tensors.find(({ name }) => name === "v.patch_embd.weight");
    expect(filters).toMatchObject({ shape: [patchSize, patchSize, 3, 64], type: "F32" });
  });
});

test.each([
  ["qwen2vl", "qwen2vl", ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]],
  ["qwen3vl", "qwen3vl", ["<|vision_start|>", "<|vision_end|>", "<|image_pad|>"]],
  ["gemma3", "gemma3", ["<start_of_image>", "<end_of_image>"]],
  ["llava", "llama", ["</s>"]],
  ["pixtral", "llama", ["[IMG]", "[IMG_BREAK]", "[IMG_END]"]],
  ["idefics3", "llama", ["<fake_token_around_image>", "<global-img>", "<row_2_col_2>"]],
] as const)(
  "the text model of %s is of the architecture %s and has the control tokens of its family",
  async (shape, architecture, markers) => {
    const { model } = headersOf(shape);
    expect([model.architecture, model.name]).toEqual([architecture, `Random ${shape} small q8_0`]);
    expect(model.metadata.number(`${architecture}.embedding_length`)).toBe(128);
    await using source = await openFileSource(join(folder, `${shape}.gguf`));
    const { specialTokens } = await readVocabularyTexts(source, model);
    const control = specialTokens.flatMap((token) => (token.control ? [token.text] : []));
    expect(control).toEqual(expect.arrayContaining([...markers]));
  },
);

test.each([
  ["qwen2vl", "135m", [8, 12, 12, 0]],
  ["qwen2vl", "15m", [6, 9, 9, 0]],
  ["qwen3vl", "135m", [12, 10, 10, 0]],
  ["qwen3vl", "qwen", [24, 20, 20, 0]],
] as const)(
  "the rotations of %s in the size of %s have the shares of the real model",
  async (shape, size, sections) => {
    const text = { ...shapeNamed(size), layers: 1, vocabulary: 400 };
    const { metadata } = await readGgufFile(writePictureModel({ folder, name: size, shape, text }).model);
    expect(metadata.numbers(`${shape}.rope.dimension_sections`)).toEqual(sections);
    expect(metadata.number(`${shape}.n_deepstack_layers`)).toBe(shape === "qwen3vl" ? 3 : undefined);
  },
);

test("Qwen3-VL's text model gets the outputs of the layers that the real encoder passes on", async () => {
  const options = { folder, name: "deep", shape: "qwen3vl", encoder: { layers: 24 } } as const;
  const { metadata, tensors } = await readGgufFile(writePictureModel(options).projector);
  const deep = metadata.booleans("clip.vision.is_deepstack_layers") ?? [];
  expect(deep.flatMap((is, layer) => (is ? [layer] : []))).toEqual([5, 11, 17]);
  expect(tensors.flatMap(({ name }) => /^v\.deepstack\.(\d+)\.fc2\.weight$/.exec(name)?.[1] ?? [])).toEqual([
    "5",
    "11",
    "17",
  ]);
});
