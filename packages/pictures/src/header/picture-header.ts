// Reads the headers of pictures: format and size, within the limits. The format shows in the first bytes; no one needs to name it.
import { WaggleError } from "@waggle/protocol";
import { pictureLimits } from "../limits.ts";
import { beginBytes, otherFormatOf, readableFormats, type ReadableFormat } from "./formats.ts";
import { formatLabels, type PictureFormat, type StoredPicture } from "./stored-picture.ts";
import { UnreadablePicture } from "./unreadable-picture.ts";

export type { PictureFormat } from "./stored-picture.ts";

/** Width and height as a viewer shows the picture: after it was turned as its EXIF metadata says. */
export interface PictureHeader {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
}

/**
 * Reads only the header: a file may still be damaged.
 * @param name of the picture in messages, such as "picture 2"
 * @throws WaggleError invalid_argument: `Cannot read picture 2: …`
 */
export function readPictureHeader(bytes: Uint8Array, name: string): PictureHeader {
  const { format, width, height, orientation } = checkedPicture(bytes, name);
  return orientation < 5 ? { format, width, height } : { format, width: height, height: width };
}

/** Like `readPictureHeader`, but with the stored width and height, and the orientation. */
export function checkedPicture(bytes: Uint8Array, name: string): StoredPicture {
  try {
    return readStoredPicture(bytes);
  } catch (error) {
    throw error instanceof UnreadablePicture ? pictureError(name, error.message) : error;
  }
}

/** @param reason what is wrong, without the full stop */
export function pictureError(name: string, reason: string): WaggleError {
  return new WaggleError("invalid_argument", `Cannot read ${name}: ${reason}.`);
}

/** @throws UnreadablePicture */
function readStoredPicture(bytes: Uint8Array): StoredPicture {
  const { fileBytes } = pictureLimits;
  if (bytes.length === 0) throw new UnreadablePicture("its file is empty (0 bytes)");
  if (bytes.length > fileBytes) {
    throw new UnreadablePicture(`its file has ${mebibytes(bytes.length)} MiB, more than ${mebibytes(fileBytes)} MiB`);
  }
  const picture = readHeader(formatOf(bytes), bytes);
  checkSize(picture);
  return picture;
}

function formatOf(bytes: Uint8Array): ReadableFormat {
  const begin = String.fromCharCode(...bytes.subarray(0, beginBytes));
  const format = readableFormats.find(({ matches }) => matches(begin));
  if (format !== undefined) return format;
  const other = otherFormatOf(begin);
  throw new UnreadablePicture(
    other === undefined
      ? "it is not a PNG, JPEG, WebP or GIF file"
      : `it is ${other}, not a PNG, JPEG, WebP or GIF file`,
  );
}

function readHeader({ format, readHeader: read }: ReadableFormat, bytes: Uint8Array): StoredPicture {
  try {
    return read(bytes);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UnreadablePicture(
      `its ${formatLabels[format]} header is incomplete; the file ends after ${bytes.length} bytes`,
    );
  }
}

function checkSize({ width, height }: StoredPicture): void {
  const { filePixels, sidePixels, sideRatio } = pictureLimits;
  const size = `it has ${width} x ${height} pixels`;
  if (width === 0 || height === 0) throw new UnreadablePicture(size);
  if (width > sidePixels || height > sidePixels) {
    throw new UnreadablePicture(`${size}, more than ${sidePixels} on a side`);
  }
  if (width * height > filePixels) {
    throw new UnreadablePicture(`${size}, more than ${filePixels / 1e6} million. Scale it down`);
  }
  if (Math.max(width, height) > sideRatio * Math.min(width, height)) {
    throw new UnreadablePicture(`${size}: one side is more than ${sideRatio} times as long as the other`);
  }
}

function mebibytes(bytes: number): number {
  return Math.ceil(bytes / (1 << 20));
}
