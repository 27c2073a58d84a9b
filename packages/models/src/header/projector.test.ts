import { expect, test } from "vitest";
import { madeUpHeader, type MadeUpTensor, type MadeUpValue } from "../testing/made-up-header.ts";
import { bytesSource } from "./byte-source.ts";
import { projectorCardOf, projectorMisfit } from "./projector.ts";
import { readGgufHeader, type GgufHeader } from "./read-header.ts";

type Values = Readonly<Record<string, MadeUpValue>>;

async function headerOf(
  architecture: string,
  values: Values,
  tensors: readonly MadeUpTensor[] = [],
): Promise<GgufHeader> {
  const own = Object.entries(values).map(([key, value]) => [`${architecture}.${key}`, value]);
  const metadata = { "general.architecture": architecture, "general.file_type": 1, ...Object.fromEntries(own) };
  return await readGgufHeader(bytesSource(madeUpHeader(metadata, tensors, { dataBytes: 8_192 })));
}

async function projector(values: Values, ...tensors: readonly (readonly [name: string, ...shape: number[]])[]) {
  const sight = { has_vision_encoder: true, projector_type: "mlp" };
  return await headerOf(
    "clip",
    { ...sight, ...values },
    tensors.map(([name, ...shape]) => ({ name, shape })),
  );
}

test("reads the facts of a projector", async () => {
  const header = await projector(
    {
      projector_type: "qwen2.5vl_merger",
      "vision.image_size": 560,
      "vision.patch_size": 14,
      "vision.image_max_pixels": 1_000_000,
      "vision.spatial_merge_size": 2,
      "vision.block_count": 3,
      "vision.embedding_length": 32,
      "vision.feed_forward_length": 64,
      "vision.n_wa_pattern": 8,
    },
    ["mm.2.weight", 16, 8],
  );
  expect(projectorCardOf(header)).toEqual({
    name: undefined,
    type: "qwen2.5vl_merger",
    quantization: "F16",
    fileBytes: header.fileBytes,
    imageSize: 560,
    patchSize: 14,
    mostPixels: 1_000_000,
    mergedPatches: 2,
    layers: 3,
    width: 32,
    feedForwardLength: 64,
    hasWindows: true,
    embeddingSize: 8,
  });
});

test.each([
  [
    "mlp",
    [
      ["mm.0.weight", 4, 16],
      ["mm.2.weight", 16, 8],
    ],
    8,
  ],
  ["gemma3", [["mm.input_projection.weight", 8, 16]], 8],
  ["gemma4v", [["mm.input_projection.weight", 16, 8]], 8],
  ["idefics3", [["mm.model.fc.weight", 16, 8]], 8],
  ["resampler", [["resampler.proj.weight", 8, 8]], 8],
  [
    "qwen3vl_merger",
    [
      ["mm.2.weight", 16, 8],
      ["v.deepstack.5.fc1.weight", 4, 4],
      ["v.deepstack.9.fc1.weight", 4, 4],
    ],
    24,
  ],
  ["unheard_of", [["mm.q.weight", 16, 8]], undefined],
] as const)("finds the size of an embedding of %s", async (type, tensors, size) => {
  expect(projectorCardOf(await projector({ projector_type: type }, ...tensors)).embeddingSize).toBe(size);
});

test.each<[what: string, header: Promise<GgufHeader>, reason: string]>([
  ["a language model", headerOf("llama", {}), "not a projector, but a model of architecture llama"],
  ["an encoder of sounds", headerOf("clip", { has_audio_encoder: true }), "does not read pictures"],
  ["a projector without a type", headerOf("clip", { has_vision_encoder: true }), "type of projector"],
])("refuses %s with the reason", async (_, header, reason) => {
  const read = await header;
  expect(() => projectorCardOf(read)).toThrow(reason);
});

test("a projector fits only a model with embeddings of the same size", async () => {
  const plain = projectorCardOf(await projector({}, ["mm.2.weight", 16, 8]));
  const deep = projectorCardOf(await projector({}, ["mm.2.weight", 16, 8], ["v.deepstack.0.fc1.weight", 4, 4]));
  const unknown = projectorCardOf(await projector({}));
  const small = await headerOf("llama", { embedding_length: 8 });
  const large = await headerOf("llama", { embedding_length: 16 });
  const stacked = await headerOf("qwen3vl", { embedding_length: 8, n_deepstack_layers: 1 });
  expect(projectorMisfit(plain, small)).toBeUndefined();
  expect(projectorMisfit(plain, large)).toBe("its embeddings have 8 numbers, and the model's 16");
  expect(projectorMisfit(plain, stacked)).toBe("its embeddings have 8 numbers, and the model's 16");
  expect(projectorMisfit(deep, stacked)).toBeUndefined();
  expect(projectorMisfit(unknown, large)).toBeUndefined();
});
