// What the header of a file says of its picture.
import type { Orientation } from "./exif-orientation.ts";

export type PictureFormat = "png" | "jpeg" | "webp" | "gif";

/** Width and height are those of the stored pixels, before they are turned. */
export interface StoredPicture {
  readonly format: PictureFormat;
  readonly width: number;
  readonly height: number;
  readonly orientation: Orientation;
}

/** The names of the formats in messages. */
export const formatLabels: Readonly<Record<PictureFormat, string>> = {
  png: "PNG",
  jpeg: "JPEG",
  webp: "WebP",
  gif: "GIF",
};
