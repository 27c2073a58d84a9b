// Owns the list of formats by their first bytes: those that we read, and those that we only name in errors.
// Libraries that read the size of a picture do not limit its metadata. We do, before anything is decoded.
import { fileView } from "./file-view.ts";
import { readJpegHeader, startOfImage } from "./jpeg-file.ts";
import { pngSignature, readPngHeader } from "./png-file.ts";
import type { PictureFormat, StoredPicture } from "./stored-picture.ts";
import { readWebpHeader } from "./webp-file.ts";

export interface ReadableFormat {
  readonly format: PictureFormat;
  readonly matches: (begin: string) => boolean;
  readonly readHeader: (bytes: Uint8Array) => StoredPicture;
}

/** `begin` has one character for each byte. */
export const readableFormats: readonly ReadableFormat[] = [
  { format: "png", matches: (begin) => begin.startsWith(pngSignature), readHeader: readPngHeader },
  { format: "jpeg", matches: (begin) => begin.startsWith(startOfImage), readHeader: readJpegHeader },
  { format: "webp", matches: (begin) => /^RIFF[^]{4}WEBP/.test(begin), readHeader: readWebpHeader },
  { format: "gif", matches: (begin) => /^GIF8[79]a/.test(begin), readHeader: readGifHeader },
];

/** Number of bytes that show the format. SVG and HTML may begin with a long comment. */
export const beginBytes = 1_024;

/** Files in boxes, as MPEG-4 has them, name themselves in their first box. */
const boxed = (begin: string, brand: RegExp): boolean => begin.startsWith("ftyp", 4) && brand.test(begin.slice(8, 12));
const signed =
  (...signatures: readonly string[]) =>
  (begin: string): boolean =>
    signatures.some((signature) => begin.startsWith(signature));

const otherFormats: readonly (readonly [name: string, matches: (begin: string) => boolean])[] = [
  ["an HTML page", (begin) => /^(?:\xef\xbb\xbf)?\s*<(?:!doctype html|html)[\s>]/i.test(begin)],
  ["an SVG file", (begin) => /^(?:\xef\xbb\xbf)?\s*<(?:[^]*<)?svg[\s>]/i.test(begin)],
  ["an AVIF file", (begin) => boxed(begin, /^avi[fs]$/)],
  ["a HEIC file", (begin) => boxed(begin, /^(?:he[iv][cmsx]|mi[af]1|msf1)$/)],
  ["a TIFF file", signed("II*\0", "MM\0*")],
  ["a PDF file", signed("%PDF-")],
  ["a JPEG XL file", signed("\xff\x0a", "\0\0\0\x0cJXL ")],
  ["a JPEG 2000 file", signed("\xff\x4f\xff\x51", "\0\0\0\x0cjP  ")],
  ["an icon", signed("\0\0\x01\0", "\0\0\x02\0")],
  ["a Photoshop file", signed("8BPS")],
  // The size of the next header is below 256, which text after "BM" does not have.
  ["a BMP file", (begin) => begin.startsWith("BM") && begin.slice(15, 18) === "\0\0\0"],
];

/** The name of another format, with its article; undefined for unknown files. */
export function otherFormatOf(begin: string): string | undefined {
  return otherFormats.find(([, matches]) => matches(begin))?.[0];
}

/** The size of its canvas. */
function readGifHeader(bytes: Uint8Array): StoredPicture {
  const file = fileView(bytes);
  return { format: "gif", width: file.u16(6, true), height: file.u16(8, true), orientation: 1 };
}
