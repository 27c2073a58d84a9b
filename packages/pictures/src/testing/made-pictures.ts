// Makes pictures, and PNG files of them.
import { deflateSync } from "node:zlib";
import type { Pixels } from "../decode/pixels.ts";
import { join, pngBegin, pngChunk, pngHeader } from "./file-parts.ts";

/** A PNG file with exactly these samples: 8 bits each, without alpha. */
export function encodePng({ width, height, rgb }: Omit<Pixels, "rgb"> & { readonly rgb: Uint8Array }): Uint8Array {
  const rows = Buffer.alloc(height * (1 + width * 3));
  // The first byte of a row names its filter: 0 is none.
  for (let y = 0; y < height; y += 1)
    rows.set(rgb.subarray(y * width * 3, (y + 1) * width * 3), y * (1 + width * 3) + 1);
  return join(pngBegin, pngHeader(width, height), pngChunk("IDAT", deflateSync(rows, { level: 1 })), pngChunk("IEND"));
}

/** Gradients in each colour with sharp edges between them. Another seed gives another picture. */
export function gradientPicture(width: number, height: number, seed: number): Pixels {
  const rgb = new Uint8Array(width * height * 3);
  let at = 0;
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rgb[at] = x * 5 + y + seed * 37;
      rgb[at + 1] = y * 7 - x + seed * 91;
      rgb[at + 2] = ((x >> 3) + (y >> 2) + seed) % 2 === 0 ? x + y : 255 - x;
      at += 3;
    }
  }
  return { width, height, rgb };
}
