// Reads the header of a GIF file: the size of its canvas.
import { fileView } from "./file-view.ts";
import type { StoredPicture } from "./stored-picture.ts";

export function readGifHeader(bytes: Uint8Array): StoredPicture {
  const file = fileView(bytes);
  return { format: "gif", width: file.u16(6, true), height: file.u16(8, true), orientation: 1 };
}
