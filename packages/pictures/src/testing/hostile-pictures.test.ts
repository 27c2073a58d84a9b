import { expect, it } from "vitest";
import type { WaggleError } from "@waggle/protocol";
import { createPictureDecoder, pictureLimits, readPictureHeader } from "../index.ts";
import { encodePng, gradientPicture, hostilePictures } from "./index.ts";

const good = gradientPicture(50, 40, 7);
const maxPixels = 500_000;
const mostMiB = 512;

it("decodes each hostile picture or refuses it with its name, within the limits of time and memory", async () => {
  // The bomb of time needs a limit for this test only: a machine with other work is slow.
  const decoder = createPictureDecoder({ limits: { decodeMs: 1_000 } });
  const rss = process.memoryUsage().rss;
  const refused: string[] = [];
  let count = 0;
  for (const { name, bytes } of hostilePictures(1)) {
    count += 1;
    const problem = await decoder.decode(bytes, { name, maxPixels }).then(
      ({ width, height, rgb }) => {
        expect(width * height).toBeLessThanOrEqual(maxPixels);
        expect(rgb).toHaveLength(width * height * 3);
      },
      (error: WaggleError) => error,
    );
    if (problem !== undefined) {
      expect([name, problem.code]).toEqual([name, "invalid_argument"]);
      expect(problem.message).toMatch(/^Cannot read .+: (?:its|it|decoding) .+\.$/);
      expect(problem.message.length).toBeLessThan(name.length + 120);
      refused.push(name);
    }
  }
  expect(count).toBeGreaterThanOrEqual(200);
  expect(refused.length).toBeGreaterThan(150);
  expect(refused).toContain("progressive JPEG with 20,000 scans");
  // Metadata does not make a picture unreadable.
  expect(refused.filter((name) => /8 MiB|text bomb|profile bomb/.test(name))).toEqual([]);
  expect(await decoder.decode(encodePng(good), { name: "x", maxPixels })).toEqual(good);
  await decoder.dispose();
  expect((process.memoryUsage().rss - rss) / 2 ** 20).toBeLessThan(mostMiB);
});

it("reads the header of each hostile picture", () => {
  for (const { name, bytes } of hostilePictures(2)) {
    try {
      const { width, height } = readPictureHeader(bytes, name);
      expect(width * height).toBeLessThanOrEqual(pictureLimits.filePixels);
    } catch (error) {
      expect(error).toMatchObject({ code: "invalid_argument" });
    }
  }
});
