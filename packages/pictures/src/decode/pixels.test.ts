// Pictures that have one number per pixel: red is the number, green and blue follow from it.
import { describe, expect, it } from "vitest";
import { gradientPicture } from "../testing/index.ts";
import { layOnWhite, scaleDown, turn, type Pixels } from "./pixels.ts";

function picture(...rows: readonly (readonly number[])[]): Pixels {
  const rgb = Uint8Array.from(rows.flat().flatMap((value) => [value, 255 - value, value >> 1]));
  return { width: rows[0]?.length ?? 0, height: rows.length, rgb };
}

const rows = ({ width, height, rgb }: Pixels): number[][] =>
  Array.from({ length: height }, (_, y) => Array.from({ length: width }, (__, x) => rgb[(y * width + x) * 3] ?? -1));

describe("alpha", () => {
  it("is laid on white, and opaque pixels keep their samples", () => {
    const rgba = Uint8Array.of(1, 2, 3, 255, 0, 100, 255, 0, 0, 100, 255, 128, 10, 20, 30, 1);
    const { rgb } = layOnWhite({ width: 4, height: 1, rgba });
    expect([...rgb]).toEqual([1, 2, 3, 255, 255, 255, 127, 177, 255, 254, 254, 254]);
  });

  it("leaves the canvas white around a smaller frame", () => {
    const rgba = Uint8Array.of(7, 7, 7, 255, 8, 8, 8, 255);
    const canvas = layOnWhite({ width: 1, height: 2, rgba }, { width: 3, height: 3, left: 1, top: 1 });
    expect(rows(canvas)).toEqual([
      [255, 255, 255],
      [255, 7, 255],
      [255, 8, 255],
    ]);
  });
});

describe("scaling down", () => {
  it("gives the mean of the area that a new pixel covers", () => {
    const half = scaleDown(picture([0, 10, 100, 100], [20, 30, 200, 200]), 2);
    expect(rows(half)).toEqual([[15, 150]]);
    expect([...half.rgb]).toEqual([15, 240, 8, 150, 105, 75]);
    // Each of the two new pixels covers one and a half old pixels.
    expect(rows(scaleDown(picture([0, 90, 240]), 2))).toEqual([[30, 190]]);
  });

  it("keeps the ratio of the sides, and the number of pixels", () => {
    const sizeOf = (width: number, height: number, maxPixels: number): string => {
      const scaled = scaleDown({ width, height, rgb: new Uint8Array(width * height * 3).fill(9) }, maxPixels);
      expect(scaled.rgb).toHaveLength(scaled.width * scaled.height * 3);
      expect(new Set(scaled.rgb)).toEqual(new Set([9]));
      return `${scaled.width} x ${scaled.height}`;
    };
    expect(sizeOf(400, 300, 120_000)).toBe("400 x 300");
    expect(sizeOf(400, 300, 119_999)).toBe("399 x 299");
    expect(sizeOf(400, 300, 1_200)).toBe("40 x 30");
    expect(sizeOf(300, 400, 1_200)).toBe("30 x 40");
    expect(sizeOf(400, 300, 1)).toBe("1 x 1");
    expect(sizeOf(5_000, 1, 100)).toBe("100 x 1");
    expect(sizeOf(2, 5_000, 100)).toBe("1 x 100");
  });

  it("gives the same pixels as means of squares", () => {
    const large = gradientPicture(60, 36, 5);
    const small = scaleDown(large, 20 * 12);
    const sampleOf = (x: number, y: number, channel: number): number =>
      large.rgb[(y * large.width + x) * 3 + channel] ?? 0;
    const expected = Uint8Array.from({ length: small.rgb.length }, (_, i) => {
      const [channel, x, y] = [i % 3, Math.floor(i / 3) % 20, Math.floor(i / 60)];
      const nine = Array.from({ length: 9 }, (__, n) => sampleOf(x * 3 + (n % 3), y * 3 + Math.floor(n / 3), channel));
      return Math.round(nine.reduce((sum, sample) => sum + sample, 0) / 9);
    });
    expect(small).toMatchObject({ width: 20, height: 12 });
    // A sum of fractions may be just below or above a half.
    expect(small.rgb.filter((sample, i) => Math.abs(sample - (expected[i] ?? 0)) > 1)).toHaveLength(0);
  });
});

it("turns and mirrors a picture as its EXIF orientation says", () => {
  const stored = picture([1, 2, 3], [4, 5, 6]);
  const turned = ([1, 2, 3, 4, 5, 6, 7, 8] as const).map((orientation) => rows(turn(stored, orientation)));
  const text = (table: readonly (readonly number[])[]): string => table.map((row) => row.join("")).join(" ");
  expect(turned.map(text)).toEqual([
    "123 456",
    "321 654",
    "654 321",
    "456 123",
    "14 25 36",
    "41 52 63",
    "63 52 41",
    "36 25 14",
  ]);
  expect(turn(stored, 6)).toMatchObject({
    width: 2,
    height: 3,
    rgb: Uint8Array.of(...picture([4, 1]).rgb, ...picture([5, 2]).rgb, ...picture([6, 3]).rgb),
  });
});
