// Shows which files are pictures, and in which size a picture is sent.
import { describe, expect, it } from "vitest";
import { decodeBase64, dataUrlOf } from "./base64.ts";
import { pictureLimits, pictureTypeOf, sentSize } from "./picture.ts";

const head = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0));

it("recognizes the formats that the worker reads by their first bytes", () => {
  expect(pictureTypeOf(head("\x89PNG\r\n\x1a\nmore"))).toBe("image/png");
  expect(pictureTypeOf(head("\xff\xd8\xff\xe0"))).toBe("image/jpeg");
  expect(pictureTypeOf(head("RIFF\n\0\0\0WEBPVP8 "))).toBe("image/webp");
  expect(pictureTypeOf(head("GIF89a"))).toBe("image/gif");
  for (const other of ["", "BM12345", "RIFF\0\0\0\0WAVE", "<svg/>", "\x89PNG"]) {
    expect(pictureTypeOf(head(other))).toBeUndefined();
  }
});

describe("a picture is sent", () => {
  it("in its size if it is within the limits", () => {
    expect(sentSize({ width: 1_920, height: 1_080 }, undefined)).toEqual({ width: 1_920, height: 1_080 });
  });

  it("with the pixels that the model gets, in the same shape", () => {
    expect(sentSize({ width: 4_000, height: 3_000 }, 120_000)).toEqual({ width: 400, height: 300 });
    const { width, height } = sentSize({ width: 4_032, height: 3_024 }, undefined);
    expect(width * height).toBeLessThanOrEqual(pictureLimits.usualPixels);
    expect(width * height).toBeGreaterThan(0.99 * pictureLimits.usualPixels);
  });

  it("with limited pixels, also if the model accepts more", () => {
    const { width, height } = sentSize({ width: 9_000, height: 9_000 }, 100_000_000);
    expect(width * height).toBeLessThanOrEqual(pictureLimits.sentPixels);
  });

  it("with at least one pixel in each direction", () => {
    expect(sentSize({ width: 90_000, height: 1 }, undefined)).toEqual({ width: pictureLimits.sentSide, height: 1 });
  });
});

it("writes a file as base64, also if it is longer than one piece", async () => {
  const bytes = Uint8Array.from({ length: 33_001 }, (_, i) => i * 7);
  const url = await dataUrlOf(new Blob([bytes], { type: "image/png" }));
  expect(url.slice(0, 22)).toBe("data:image/png;base64,");
  expect(decodeBase64(url.slice(22))).toEqual(bytes);
});
