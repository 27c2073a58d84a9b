// Reads the segments of a JPEG file up to its pixels, and its header.
import { orientationOf, type Orientation } from "./exif-orientation.ts";
import { fileView } from "./file-view.ts";
import type { StoredPicture } from "./stored-picture.ts";
import { UnreadablePicture } from "./unreadable-picture.ts";

interface JpegSegment {
  /** Second byte of the marker. */
  readonly marker: number;
  readonly data: Uint8Array;
}

export const startOfImage = "\xff\xd8\xff";
const startOfScan = 0xda;
const endOfImage = 0xd9;
const app1 = 0xe1;
const exifName = "Exif\0\0";
/** 8 MiB of metadata are 128 segments of the greatest length. */
const mostSegments = 4_096;
/** Bytes 0xff may precede a marker, and some writers leave other bytes between segments. */
const mostSkippedBytes = 65_536;

/** Ends after the first start of a scan. @throws UnreadablePicture RangeError */
function* jpegSegments(bytes: Uint8Array): Generator<JpegSegment> {
  const file = fileView(bytes);
  let from = 2;
  let skipped = 0;
  for (let count = 0; count < mostSegments; count += 1) {
    while (file.u8(from) !== 0xff || file.u8(from + 1) === 0xff) {
      if (skipped === mostSkippedBytes) throw new UnreadablePicture("its JPEG header is damaged: a marker is missing");
      skipped += 1;
      from += 1;
    }
    const marker = file.u8(from + 1);
    if (marker === endOfImage) throw new UnreadablePicture("its JPEG file has no pixels");
    const to = from + 2 + file.u16(from + 2);
    yield { marker, data: bytes.subarray(from + 4, to) };
    if (marker === startOfScan) return;
    from = to;
  }
  throw new UnreadablePicture(`its JPEG header has more than ${mostSegments} segments`);
}

export function readJpegHeader(bytes: Uint8Array): StoredPicture {
  let orientation: Orientation | undefined;
  for (const { marker, data } of jpegSegments(bytes)) {
    if (marker === app1 && orientation === undefined) orientation = exifOf(data);
    if (isFrame(marker)) return { ...readFrame(marker, data), orientation: orientation ?? 1 };
  }
  throw new UnreadablePicture("its JPEG header does not say how large it is");
}

/** Undefined where the segment has other metadata. */
function exifOf(data: Uint8Array): Orientation | undefined {
  const begin = String.fromCharCode(...data.subarray(0, exifName.length));
  return begin === exifName ? orientationOf(data.subarray(exifName.length)) : undefined;
}

/** Start of frame: 0xc0 to 0xcf, without the tables that have numbers between. */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function readFrame(marker: number, data: Uint8Array): Omit<StoredPicture, "orientation"> {
  const frame = fileView(data);
  // Baseline, extended and progressive.
  if (marker > 0xc2) throw new UnreadablePicture("its JPEG file is lossless, hierarchical or arithmetic-coded");
  const bits = frame.u8(0);
  if (bits !== 8) throw new UnreadablePicture(`its JPEG file has ${bits} bits per sample instead of 8`);
  return { format: "jpeg", height: frame.u16(1), width: frame.u16(3) };
}
