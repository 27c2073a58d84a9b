import { describe, expect, test } from "vitest";
import type { ProjectorCard } from "../header/index.ts";
import { madeUpModel } from "../testing/made-up-model.ts";
import { engineMemory } from "./engine-memory.ts";
import { estimateMemory } from "./estimate.ts";
import { engineProcessBytes, largestFit } from "./largest-fit.ts";
import { renderFitReport } from "./render.ts";
import { fitReport } from "./report.ts";
import { chunkPixels, pictureMemory } from "./picture-memory.ts";

const qwen: ProjectorCard = {
  name: "Qwen2-VL",
  type: "qwen2vl_merger",
  quantization: "F16",
  fileBytes: 1_300_000_000,
  imageSize: 560,
  patchSize: 14,
  mostPixels: undefined,
  mergedPatches: 2,
  layers: 32,
  width: 1_280,
  feedForwardLength: 5_120,
  hasWindows: false,
  embeddingSize: 3_584,
};
const gemma: ProjectorCard = { ...qwen, type: "gemma3", imageSize: 896, mergedPatches: 4, embeddingSize: 2_560 };
const header = madeUpModel({ layers: 4, tensors: [["output.weight", 64 << 20]] });
const pictures = { projector: qwen, maxPixels: 14 ** 2 * 10_000 };
const { total } = pictureMemory(pictures);

describe("the memory for reading pictures", () => {
  test("has the projector's file, buffers for the patches of the largest picture, and embeddings of two pictures", () => {
    const { weights, encoder, embeddings } = pictureMemory(pictures);
    expect({ weights, encoder, embeddings, sum: weights + encoder + embeddings }).toEqual({
      weights: 1_300_000_000,
      encoder: 10_000 * (8 * 1_280 + 2 * 5_120) * 4,
      embeddings: 2 * 2_500 * 3_584 * 4,
      sum: total,
    });
  });

  test("grows with the pixels of a picture, up to the projector's own limit", () => {
    const encoderFor = (maxPixels: number, mostPixels?: number): number =>
      pictureMemory({ projector: { ...qwen, mostPixels }, maxPixels }).encoder;
    expect(encoderFor(2_000_000)).toBeGreaterThan(1.9 * encoderFor(1_000_000));
    expect(encoderFor(2_000_000, 1_000_000)).toBe(encoderFor(1_000_000));
  });

  test("does not grow with the pixels for an encoder with a fixed size", () => {
    const [small, large] = [1_000, 10_000_000].map((maxPixels) => pictureMemory({ projector: gemma, maxPixels }));
    expect(small).toEqual(large);
    expect(small?.encoder).toBe(64 ** 2 * (8 * 1_280 + 2 * 5_120) * 4);
    expect(small?.embeddings).toBe(64 * 2 ** 20);
  });

  test("has the pixels of a chunk at the size of the encoder, if the file says how patches are merged or if it is fixed", () => {
    expect(chunkPixels(qwen, 100)).toBe(100 * 28 ** 2);
    for (const mergedPatches of [4, undefined]) {
      expect(chunkPixels({ ...gemma, mergedPatches }, 256)).toBe(896 ** 2);
    }
    expect(chunkPixels({ ...gemma, type: "mlp", imageSize: 336, mergedPatches: undefined }, 5 * 576)).toBe(
      5 * 336 ** 2,
    );
  });

  test("has a mask over all pairs of patches where layers see windows", () => {
    const windows = pictureMemory({ ...pictures, projector: { ...qwen, hasWindows: true } });
    expect(windows.encoder - pictureMemory(pictures).encoder).toBe(10_000 ** 2 * 6);
  });

  test("is part of an engine's memory, on the GPU if layers of the model are there", () => {
    const settings = { slots: 2, contextSize: 1_024 };
    const [blind, seeing] = [engineMemory(header, settings), engineMemory(header, { ...settings, pictures })];
    expect(seeing).toMatchObject({ pictures: total, total: blind.total + total, host: blind.host + total, gpu: 0 });
    const gpu = engineMemory(header, { ...settings, pictures, gpuFreeBytes: 1e12 });
    expect(gpu).toMatchObject({ total: gpu.host + gpu.gpu });
    expect(gpu.gpu).toBeGreaterThan(total);
    expect(engineMemory(header, { ...settings, pictures, gpuFreeBytes: total }).gpu).toBe(0);
  });

  test("leaves less room for a context", () => {
    const { resident } = estimateMemory(header, { slots: 1, contextSize: 2_048 });
    const machine = { freeBytes: resident + engineProcessBytes };
    expect(largestFit(header, machine).largestContext).toBe(2_048);
    expect(largestFit(header, machine, { pictures })).toMatchObject({ verdict: "none", pictures: total });
    expect(largestFit(header, { freeBytes: machine.freeBytes + total }, { pictures }).largestContext).toBe(2_048);
  });

  test("is a line of the report of a single model", () => {
    const text = renderFitReport(fitReport([{ name: "x.gguf", header, pictures }], { freeBytes: 1e12 }));
    expect(text).toMatch(/projector, with buffers and embeddings +2\.2 GB\n/);
    expect(text).toMatch(/total +2\.\d GB/);
  });
});
