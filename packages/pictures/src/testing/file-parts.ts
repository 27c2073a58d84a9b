// Parts of picture files, for tests that make files byte by byte.
import { crc32 } from "node:zlib";

export type FilePart = string | readonly number[] | Uint8Array;

/** Strings have one character for each byte. */
export function join(...parts: readonly FilePart[]): Uint8Array<ArrayBuffer> {
  const buffers = parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : Buffer.from(part)));
  return new Uint8Array(Buffer.concat(buffers));
}

/** A number with the highest byte first. */
export function big(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, i) => Math.floor(value / 256 ** (bytes - 1 - i)) % 256);
}

/** A number with the lowest byte first. */
export function little(value: number, bytes: number): number[] {
  return big(value, bytes).toReversed();
}

export const pngBegin = "\x89PNG\r\n\x1a\n";

export function pngChunk(type: string, ...data: FilePart[]): Uint8Array {
  const body = join(type, ...data);
  return join(big(body.length - 4, 4), body, big(crc32(body), 4));
}

/** @param color 0: gray, 2: RGB, 3: palette, 6: RGB with alpha */
export function pngHeader(width: number, height: number, color = 2, bits = 8): Uint8Array {
  return pngChunk("IHDR", big(width, 4), big(height, 4), [bits, color, 0, 0, 0]);
}

/** @param marker second byte of the marker */
export function jpegSegment(marker: number, ...data: FilePart[]): Uint8Array {
  const body = join(...data);
  return join([0xff, marker], big(body.length + 2, 2), body);
}

/** Start of a frame with one component, or three of which two are halved. @param marker 0xc0: baseline, 0xc2: progressive */
export function jpegFrame(width: number, height: number, marker = 0xc0, components = 3, bits = 8): Uint8Array {
  const shares = Array.from({ length: components }, (_, i) => [i + 1, components > 1 && i === 0 ? 0x22 : 0x11, 0]);
  return jpegSegment(marker, [bits], big(height, 2), big(width, 2), [components], shares.flat());
}

export function riffChunk(type: string, ...data: FilePart[]): Uint8Array {
  const body = join(...data);
  return join(type, little(body.length, 4), body, body.length % 2 === 1 ? [0] : []);
}

export function webpFile(...chunks: readonly Uint8Array[]): Uint8Array {
  const body = join("WEBP", ...chunks);
  return join("RIFF", little(body.length, 4), body);
}

/** @param flags 2: animation, 4: XMP, 8: EXIF, 16: alpha */
export function webpHeader(width: number, height: number, flags = 0): Uint8Array {
  return riffChunk("VP8X", [flags, 0, 0, 0], little(width - 1, 3), little(height - 1, 3));
}

/** The header of a GIF file with a palette of two colours. */
export function gifHeader(width: number, height: number): Uint8Array {
  return join("GIF89a", little(width, 2), little(height, 2), [0x80, 0, 0], [0, 0, 0, 255, 255, 255]);
}

/** @param codes parts of at most 255 bytes each */
export function gifFrame(
  frame: { left?: number; top?: number; width: number; height: number },
  codeBits: number,
  ...codes: readonly FilePart[]
): Uint8Array {
  const { left = 0, top = 0, width, height } = frame;
  const place = [left, top, width, height].flatMap((value) => little(value, 2));
  const parts = codes.map((part) => join([join(part).length], part));
  return join([0x2c], place, [0, codeBits], ...parts, [0]);
}

/** EXIF metadata with another tag before the orientation. */
export function exif(orientation: number, isLittleEndian = false): Uint8Array {
  const n = isLittleEndian ? little : big;
  const entry = (tag: number, value: number): number[] => [n(tag, 2), n(3, 2), n(1, 4), n(value, 2), n(0, 2)].flat();
  const entries = [...entry(0x0100, 9), ...entry(0x0112, orientation)];
  return join(isLittleEndian ? "II" : "MM", n(42, 2), n(8, 4), n(2, 2), entries);
}

export function exifSegment(metadata: Uint8Array): Uint8Array {
  return jpegSegment(0xe1, "Exif\0\0", metadata);
}
