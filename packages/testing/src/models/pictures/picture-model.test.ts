// Tests what makes the pictures of a made-up model count: weights by the seed, and the scale of the embeddings.
import { mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { projectorTensors } from "./projector-model.ts";
import { pictureShapes, writePictureModel } from "./picture-model.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-pictures-"))));

const bytesOf = ({ model, projector }: ReturnType<typeof writePictureModel>): Buffer[] =>
  [model, projector].map((path) => readFileSync(path));

describe.each(pictureShapes)("writePictureModel in the shape of %s", (shape) => {
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
