// Tests the files of made-up models that read pictures: names, sizes, dependence on the seed, the scale of the embeddings, and refused sizes.
import { mkdtempSync, readdirSync, readFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { shapeNamed } from "../shapes.ts";
import { projectorTensors } from "./projector-model.ts";
import { pictureShapes, writePictureModel } from "./picture-model.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-pictures-"))));

const bytesOf = ({ model, projector }: ReturnType<typeof writePictureModel>): Buffer[] =>
  [model, projector].map((path) => readFileSync(path));

describe.each(pictureShapes)("writePictureModel in the shape of %s", (shape) => {
  it("writes two small files, the same each time", () => {
    const first = writePictureModel({ folder, shape });
    const second = writePictureModel({ folder, name: "again", shape });
    expect(readdirSync(folder).toSorted()).toEqual(
      ["again.gguf", "mmproj-again.gguf", `mmproj-${shape}.gguf`, `${shape}.gguf`].toSorted(),
    );
    expect(first.projector).toBe(join(folder, `mmproj-${shape}.gguf`));
    const [files, again] = [bytesOf(first), bytesOf(second)];
    expect(files.map((file, index) => file.equals(again[index] as Buffer))).toEqual([true, true]);
    for (const path of [first.model, first.projector]) expect(statSync(path).size).toBeLessThan(2 * 1_048_576);
  });

  it("makes other weights of another seed", () => {
    const [model, projector] = bytesOf(writePictureModel({ folder, name: "1", shape })) as [Buffer, Buffer];
    const [other, otherProjector] = bytesOf(writePictureModel({ folder, name: "2", shape, seed: 2 })) as [
      Buffer,
      Buffer,
    ];
    const mixed = bytesOf(writePictureModel({ folder, name: "3", shape, projectorSeed: 2 })) as [Buffer, Buffer];
    expect([other.length, other.equals(model)]).toEqual([model.length, false]);
    expect([otherProjector.length, otherProjector.equals(projector)]).toEqual([projector.length, false]);
    expect([mixed[0].equals(model), mixed[1].equals(otherProjector)]).toEqual([true, true]);
  });
});

describe("projectorTensors", () => {
  it.each([
    ["qwen2vl", ["mm.2.weight"], 1 / 0.652],
    ["qwen3vl", ["mm.2.weight", ...[0, 1, 2].map((layer) => `v.deepstack.${layer}.fc2.weight`)], 1 / 0.652],
    ["llava", ["mm.2.weight"], 1 / 0.652],
    ["pixtral", ["mm.2.weight"], 1 / 0.652],
    ["idefics3", ["mm.model.fc.weight"], 1],
  ] as const)("gives the embeddings of %s the length 1, like those of tokens", (kind, names, lengthOfInput) => {
    const size = { layers: 4, width: 128, imageSize: 64 };
    const tensors = projectorTensors(kind, { size, textWidth: 512 });
    for (const name of names) {
      const { dimensions, deviation } = tensors.find((tensor) => tensor.name === name) ?? { dimensions: [] };
      const [columns = 0, rows = 0] = dimensions;
      expect(rows).toBe(512);
      expect(((deviation ?? 0) * Math.sqrt(columns * rows)) / lengthOfInput).toBeCloseTo(1, 6);
    }
  });

  it("gives the embeddings of gemma3 numbers of about 1, as Gemma scales those of tokens", () => {
    const tensors = projectorTensors("gemma3", { size: { layers: 1, width: 128, imageSize: 56 }, textWidth: 512 });
    const { dimensions, deviation } = tensors.find(({ name }) => name === "mm.input_projection.weight") ?? {};
    expect(dimensions).toEqual([512, 128]);
    expect((deviation ?? 0) * Math.sqrt(128)).toBeCloseTo(1, 6);
  });
});

describe("sizes", () => {
  it("are those of the text model and the encoder that were asked for", () => {
    const text = { ...shapeNamed("15m"), layers: 2, vocabulary: 400 };
    const encoder = { layers: 3, width: 128, imageSize: 224 };
    const written = writePictureModel({ folder, shape: "gemma3", text, encoder, context: 99 });
    const [model, projector] = bytesOf(written) as [Buffer, Buffer];
    // A number follows its key, after four bytes with its type.
    const numberOf = (file: Buffer, key: string): number => file.readUInt32LE(file.indexOf(key) + key.length + 4);
    expect(numberOf(model, "gemma3.context_length")).toBe(99);
    expect(numberOf(model, "gemma3.embedding_length")).toBe(288);
    expect(numberOf(model, "gemma3.attention.sliding_window")).toBe(1_024);
    expect(numberOf(projector, "clip.vision.projection_dim")).toBe(288);
    expect(numberOf(projector, "clip.vision.block_count")).toBe(3);
    expect(numberOf(projector, "clip.vision.embedding_length")).toBe(128);
    expect(numberOf(projector, "clip.vision.attention.head_count")).toBe(2);
    expect(numberOf(projector, "clip.vision.image_size")).toBe(224);
  });

  it.each([
    ["llava", { layers: 1 }, "layers 1: it must be a whole number from 2 to 64"],
    ["qwen3vl", { layers: 3 }, "layers 3: it must be a whole number from 4 to 64"],
    ["pixtral", { width: 100 }, "width 100: it must be a multiple of 64 from 64 to 4096"],
    ["gemma3", { imageSize: 896 + 14 }, "image size 910: it must be a multiple of 56 from 56 to 2048"],
  ] as const)("of the encoder of %s are refused: %o", (shape, encoder, message) => {
    expect(() => writePictureModel({ folder, shape, encoder })).toThrow(`Cannot make an encoder with ${message}`);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    ["qwen2vl", "qwen", "its heads together must be as wide as the model"],
    ["llava", "mamba", "it must be a decoder with attention"],
    ["llava", "embed", "it must be a decoder with attention"],
  ] as const)("of the text model of %s cannot be those of %s", (shape, name, message) => {
    const write = (): unknown => writePictureModel({ folder, shape, text: shapeNamed(name) });
    expect(write).toThrow(`Cannot make a text model of the shape ${name}: ${message}`);
    expect(readdirSync(folder)).toEqual([]);
  });
});
