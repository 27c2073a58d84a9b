// Reads the chunks of a PNG file, and its header.
import { orientationOf, type Orientation } from "./exif-orientation.ts";
import { fileView, type FileView } from "./file-view.ts";
import type { StoredPicture } from "./stored-picture.ts";
import { UnreadablePicture } from "./unreadable-picture.ts";

interface PngChunk {
  readonly type: string;
  /** Offset of the chunk, which begins with its length. */
  readonly from: number;
  readonly data: Uint8Array;
  /** Offset after the chunk. */
  readonly to: number;
}

export const pngSignature = "\x89PNG\r\n\x1a\n";
/** Bytes of a chunk in addition to its data: length, type and checksum. */
const frameBytes = 12;
/** A writer that divides its data into chunks of 8 KiB needs 4,096 chunks for the largest file. */
const mostChunks = 16_384;

/** Ends after IEND, or where the file ends. @throws UnreadablePicture RangeError */
export function* pngChunks(bytes: Uint8Array): Generator<PngChunk> {
  const file = fileView(bytes);
  let from = pngSignature.length;
  for (let count = 0; from + frameBytes <= bytes.length; count += 1) {
    if (count === mostChunks) throw new UnreadablePicture(`its PNG file has more than ${mostChunks} chunks`);
    const length = file.u32(from);
    const type = file.text(from + 4, 4);
    const to = from + frameBytes + length;
    yield { type, from, data: bytes.subarray(from + 8, from + 8 + length), to };
    if (type === "IEND") return;
    from = to;
  }
}

export function readPngHeader(bytes: Uint8Array): StoredPicture {
  const file = fileView(bytes);
  if (file.text(12, 4) !== "IHDR") throw new UnreadablePicture("its PNG file does not begin with IHDR");
  return { format: "png", width: file.u32(16), height: file.u32(20), orientation: pngOrientation(file) };
}

/** Only metadata before the pixels counts. */
function pngOrientation({ bytes }: FileView): Orientation {
  for (const { type, data } of pngChunks(bytes)) {
    if (type === "eXIf") return orientationOf(data);
    if (type === "IDAT") break;
  }
  return 1;
}
