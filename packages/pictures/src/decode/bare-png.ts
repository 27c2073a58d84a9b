// Copies PNG files without their metadata, so that the decoder does not see it: it may be a bomb, which inflates to gigabytes.
import { pngChunks, pngSignature } from "../header/png-file.ts";
import { joined } from "./bytes.ts";

/** The chunks that decide the pixels. */
const pixelChunks = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

export function barePng(file: Uint8Array): Uint8Array {
  const chunks = Array.from(pngChunks(file)).filter(({ type }) => pixelChunks.has(type));
  return joined([file.subarray(0, pngSignature.length), ...chunks.map(({ from, to }) => file.subarray(from, to))]);
}
