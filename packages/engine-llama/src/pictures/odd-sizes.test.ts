// Tests pictures of odd sizes on a made-up model of each shape: llama.cpp ends the process where an assertion fails.
import { createHash } from "node:crypto";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePieces, type Backend, type Picture, type PictureChunk } from "@waggle/engine";
import { encodePng } from "@waggle/pictures/testing";
import { pictureShapes, writePictureModel } from "@waggle/testing/models";
import { needs } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { loadLlamaBackend } from "../load/load.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-odd-sizes-"));

/** Small, so that encoding takes no time. The tall and wide pictures are scaled down to it. */
const maxPixels = 40_000;
const sizes = ["1x1", "2x2", "3x3", "1x2", "7x1", "1x200", "200x1", "25x5000", "5000x25"];
const tooThin = ["1x201", "30000x1"];
/** A picture that is scaled up to a few units, and the separators of pieces. */
const mostEntries = 400;

function pictureOf(size: string): Picture {
  const [width = 0, height = 0] = size.split("x").map(Number);
  const rgb = Uint8Array.from({ length: 3 * width * height }, (_, index) => index * 31);
  const bytes = encodePng({ width, height, rgb });
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Reads and encodes a picture. Returns its chunks. */
async function read({ generator }: Backend, picture: Picture): Promise<readonly PictureChunk[]> {
  if (generator?.pictures === undefined) expect.fail("The model reads no pictures");
  const input = { kind: "pieces", pieces: [{ type: "image", picture: 0 }, "a"] } as const;
  const { entries, chunks: placed } = await generator.tokenize(input, [picture]);
  expect(entries.length).toBeLessThan(mostEntries);
  const chunks = placed.map(({ chunk }) => chunk);
  for (const chunk of chunks) {
    await generator.pictures.encode(chunk, picture, { threads: 1, pieces: freePieces });
    expect(generator.pictures.has(chunk)).toBe(true);
  }
  return chunks;
}

describe("with the addon", needs("Waggle's addon"), () => {
  test.each(pictureShapes)(
    "the shape %s reads pictures of odd sizes, and refuses those that are too thin",
    async (shape) => {
      const { model, projector } = writePictureModel({ folder, shape });
      const backend = await loadLlamaBackend({
        ...{ modelPath: model, slots: 1, contextSize: 1_024, batchSize: 512, threads: 1, device: "cpu" },
        projector: { path: projector, maxPixels, isRequired: true },
      });
      for (const size of sizes) expect([size, await read(backend, pictureOf(size))]).not.toEqual([size, []]);
      for (const size of tooThin) {
        await expect(read(backend, pictureOf(size))).rejects.toThrow("one side is more than 200 times as long as");
      }
      await backend.dispose();
    },
  );
});
