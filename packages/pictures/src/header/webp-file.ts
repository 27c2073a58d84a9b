// Reads the chunks of a WebP file, and its header.
import { orientationOf, type Orientation } from "./exif-orientation.ts";
import { fileView, type FileView } from "./file-view.ts";
import type { StoredPicture } from "./stored-picture.ts";
import { UnreadablePicture } from "./unreadable-picture.ts";

export interface WebpChunk {
  readonly type: string;
  readonly data: Uint8Array;
}

/** A file is a chunk RIFF with the form WEBP, which contains the other chunks. */
const riffBytes = 12;
const chunkHeaderBytes = 8;
const mostChunks = 4_096;
const vp8Mark = 0x2a019d;
const vp8lMark = 0x2f;
const exifFlag = 0x08;

/** Ends where the file ends. @param from offset of the first chunk @throws UnreadablePicture */
export function* webpChunks(bytes: Uint8Array, from = riffBytes): Generator<WebpChunk> {
  const file = fileView(bytes);
  let at = from;
  for (let count = 0; at + chunkHeaderBytes <= bytes.length; count += 1) {
    if (count === mostChunks) throw new UnreadablePicture(`its WebP file has more than ${mostChunks} chunks`);
    const length = file.u32(at + 4, true);
    const begin = at + chunkHeaderBytes;
    yield { type: file.text(at, 4), data: bytes.subarray(begin, begin + length) };
    // Chunks begin at even offsets.
    at = begin + length + (length % 2);
  }
}

export function readWebpHeader(bytes: Uint8Array): StoredPicture {
  const file = fileView(bytes);
  const type = file.text(riffBytes, 4);
  const data = riffBytes + chunkHeaderBytes;
  switch (type) {
    case "VP8 ": {
      if (file.u24(data + 3) !== vp8Mark) throw new UnreadablePicture("its WebP header is damaged");
      const size = { width: file.u16(data + 6, true) & 0x3fff, height: file.u16(data + 8, true) & 0x3fff };
      return { format: "webp", ...size, orientation: 1 };
    }
    case "VP8L": {
      if (file.u8(data) !== vp8lMark) throw new UnreadablePicture("its WebP header is damaged");
      const bits = file.u32(data + 1, true);
      const size = { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
      return { format: "webp", ...size, orientation: 1 };
    }
    case "VP8X": {
      const size = { width: file.u24(data + 4) + 1, height: file.u24(data + 7) + 1 };
      const hasExif = (file.u8(data) & exifFlag) !== 0;
      return { format: "webp", ...size, orientation: hasExif ? webpOrientation(file) : 1 };
    }
    default:
      throw new UnreadablePicture("its WebP header is damaged: it names no codec");
  }
}

function webpOrientation({ bytes }: FileView): Orientation {
  for (const { type, data } of webpChunks(bytes)) {
    if (type !== "EXIF") continue;
    // Some writers repeat the name that JPEG files have here.
    const hasName = String.fromCharCode(...data.subarray(0, 4)) === "Exif";
    return orientationOf(hasName ? data.subarray(6) : data);
  }
  return 1;
}
