// Reads how a camera was held when it took a picture, from EXIF metadata.
import { fileView } from "./file-view.ts";

/** 1: as stored. 2 to 4: mirrored, or turned by 180°. 5 to 8: width and height are swapped. */
export type Orientation = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8;

const orientationTag = 0x0112;
const shortType = 3;
const entryBytes = 12;

/**
 * @param exif the bytes from the TIFF header on
 * @returns 1 also where the metadata is damaged, since the picture itself may be fine
 */
export function orientationOf(exif: Uint8Array): Orientation {
  try {
    return readOrientation(exif);
  } catch (error) {
    if (error instanceof RangeError) return 1;
    throw error;
  }
}

function readOrientation(exif: Uint8Array): Orientation {
  const file = fileView(exif);
  const order = file.text(0, 2);
  const isLittleEndian = order === "II";
  if ((!isLittleEndian && order !== "MM") || file.u16(2, isLittleEndian) !== 42) return 1;
  const directory = file.u32(4, isLittleEndian);
  const entries = file.u16(directory, isLittleEndian);
  for (let i = 0; i < entries; i += 1) {
    const at = directory + 2 + i * entryBytes;
    if (file.u16(at, isLittleEndian) !== orientationTag) continue;
    const value = file.u16(at + 2, isLittleEndian) === shortType ? file.u16(at + 8, isLittleEndian) : 1;
    return isOrientation(value) ? value : 1;
  }
  return 1;
}

function isOrientation(value: number): value is Orientation {
  return value >= 1 && value <= 8;
}
