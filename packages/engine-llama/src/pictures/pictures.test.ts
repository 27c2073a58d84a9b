// Tests that models of each shape read pictures, on made-up models: the contract of pictures, jobs that resume and jobs that are parked.
import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePieces, type Backend, type Picture } from "@waggle/engine";
import { encodePng, gradientPicture } from "@waggle/pictures/testing";
import { pictureShapes, writePictureModel } from "@waggle/testing/models";
import { needs, parkContract, pictureContract, picturedJobs, resumeContract } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { loadLlamaBackend, type LlamaBackendOptions } from "../load/load.ts";
import type { ProjectorSettings } from "./open-pictures.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-pictures-"));

function pictureOf(sampleAt: (index: number) => number): Picture {
  const [width, height] = [160, 128];
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, index) => sampleAt(index));
  const bytes = encodePng({ width, height, rgb });
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

// Unlike gradients, these change the answers of all made-up models.
const pictures = [
  pictureOf((index) => index * 31 + (index >> 7) * 3),
  pictureOf((index) => index * 57 + (index >> 7) * 3),
] as const;

async function load(
  { model, projector }: ReturnType<typeof writePictureModel>,
  options: Partial<LlamaBackendOptions & ProjectorSettings> = {},
): Promise<Backend> {
  const { maxPixels = 1e6, isRequired = true, ...more } = options;
  return await loadLlamaBackend({
    ...{ modelPath: model, slots: 2, contextSize: 1_024, batchSize: 512, threads: 1, device: "cpu" },
    // In single precision without flash attention, results do not depend on the shape of a batch.
    ...{ cacheTypeK: "f32", cacheTypeV: "f32", flashAttention: "off" },
    projector: { path: projector, maxPixels, isRequired },
    ...more,
  });
}

describe("with the addon", needs("Waggle's addon"), () => {
  for (const shape of pictureShapes) {
    const files = writePictureModel({ folder, shape });
    const statesFolder = join(folder, `states-${shape}`);
    const saving = async (): Promise<Backend> => await load(files, { statesFolder });
    const made = async (): Promise<Backend> => await load(files);
    pictureContract(`llama with the shape ${shape}`, saving, { pictures, remake: saving });
    const jobs = picturedJobs(pictures[0]);
    resumeContract(`llama with the shape ${shape}`, made, { jobs, alone: true, everyCut: 7 });
  }

  const files = writePictureModel({ folder, name: "parked", shape: "qwen2vl" });
  parkContract("llama with pictures", async () => await load(files, { contextSize: 256 }), {
    jobs: picturedJobs(pictures[0]),
    alone: true,
    places: [0.5],
  });

  test("the info names the projector, and the limit of pixels", async () => {
    const backend = await load(files, { maxPixels: 5_000 });
    expect(backend.info.projector).toMatchObject({
      projector: expect.stringContaining("qwen2vl") as string,
      maxPixels: 5_000,
    });
    await backend.dispose();
  });

  test("a picture with more pixels than the limit has fewer cells", async () => {
    const cells = async (maxPixels: number): Promise<number> => {
      const backend = await load(files, { maxPixels });
      const bytes = encodePng(gradientPicture(300, 300, 1));
      const piece = { type: "image", picture: 0 } as const;
      const picture = { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
      const prompt = await backend.generator?.tokenize({ kind: "pieces", pieces: ["a", piece] }, [picture]);
      await backend.dispose();
      return prompt?.entries.length ?? 0;
    };
    expect(await cells(20_000)).toBeLessThan((await cells(90_000)) / 3);
  });

  test("a projector of another model is refused, or left out if it was only found", async () => {
    const other = writePictureModel({ folder, name: "other", shape: "qwen3vl" });
    const wrong = { ...files, projector: other.projector };
    await expect(load(wrong)).rejects.toThrow(`Cannot load projector ${other.projector}: `);
    const messages: string[] = [];
    const backend = await load(wrong, { isRequired: false, log: (_, message) => void messages.push(message) });
    expect(backend.info.projector).toBeUndefined();
    expect(messages.join("\n")).toContain("Pictures are refused: cannot use the projector");
    await backend.dispose();
  });

  test("an encoding that is stopped ends, and the next one begins", async () => {
    const slow = writePictureModel({ folder, name: "slow", shape: "pixtral", encoder: { layers: 8, width: 128 } });
    const backend = await load(slow);
    const { generator } = backend;
    const bytes = encodePng(gradientPicture(480, 480, 1));
    const picture = { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
    const input = { kind: "pieces", pieces: [{ type: "image", picture: 0 }, "a"] } as const;
    const [first] = (await generator?.tokenize(input, [picture]))?.chunks ?? [];
    if (first === undefined || generator?.pictures === undefined) expect.fail("The model reads no pictures");
    const stop = new AbortController();
    const encoding = generator.pictures.encode(first.chunk, picture, {
      threads: 1,
      pieces: { ...freePieces, signal: stop.signal },
    });
    stop.abort(new Error("stopped"));
    await expect(encoding).rejects.toThrow("stopped");
    expect(generator.pictures.has(first.chunk)).toBe(false);
    await generator.pictures.encode(first.chunk, picture, { threads: 1, pieces: freePieces });
    expect(generator.pictures.has(first.chunk)).toBe(true);
    await backend.dispose();
  });
});
