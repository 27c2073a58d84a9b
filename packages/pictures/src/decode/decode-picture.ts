// Decodes a picture: on the thread, after its header passed the limits.
import { formatLabels, type PictureFormat, type StoredPicture } from "../header/stored-picture.ts";
import { UnreadablePicture } from "../header/unreadable-picture.ts";
import { pngChunks, pngSignature } from "../header/png-file.ts";
import { joined } from "./bytes.ts";
import { bareWebp, checkGifFrame } from "./frame.ts";
import { decodeWithPhoton } from "./photon.ts";
import { layOnWhite, scaleDown, turn, type Pixels } from "./pixels.ts";
import { decodeWebp } from "./webp.ts";

/** The chunks of a PNG that decide the pixels. */
const pixelChunks = new Set(["IHDR", "PLTE", "tRNS", "IDAT", "IEND"]);

export interface DecodeTask {
  readonly bytes: Uint8Array;
  /** What the header says. */
  readonly picture: StoredPicture;
  readonly maxPixels: number;
}

export type DecodeResult =
  | { readonly kind: "decoded"; readonly pixels: Pixels }
  /** `reason` is for the client. `isBroken`: a decoder stopped halfway, and must not be used again. */
  | { readonly kind: "refused"; readonly reason: string; readonly isBroken: boolean };

export async function decodePicture({ bytes, picture, maxPixels }: DecodeTask): Promise<DecodeResult> {
  try {
    const stored = await decodeStored(bytes, picture);
    if (stored.width !== picture.width || stored.height !== picture.height) {
      throw new UnreadablePicture("its pixels have another size than its header says");
    }
    return { kind: "decoded", pixels: turn(scaleDown(stored, maxPixels), picture.orientation) };
  } catch (error) {
    if (error instanceof UnreadablePicture) return { kind: "refused", reason: error.message, isBroken: false };
    // What decoders report is not written for clients.
    return { kind: "refused", reason: damageOf(picture.format), isBroken: true };
  }
}

/** The pixels before the picture is turned. */
async function decodeStored(bytes: Uint8Array, picture: StoredPicture): Promise<Pixels> {
  switch (picture.format) {
    case "png":
      return decodeWithPhoton(barePng(bytes));
    case "jpeg":
      return decodeWithPhoton(bytes);
    case "gif":
      checkGifFrame(bytes, picture);
      return decodeWithPhoton(bytes);
    case "webp": {
      const { file, frame } = bareWebp(bytes, picture);
      const pixels = await decodeWebp(file);
      if (pixels === undefined) throw new UnreadablePicture(damageOf("webp"));
      return layOnWhite(pixels, { ...picture, left: frame.left, top: frame.top });
    }
  }
}

function damageOf(format: PictureFormat): string {
  return `its ${formatLabels[format]} file is damaged or incomplete`;
}

/** Copies the file without its metadata, which may be a bomb that inflates to gigabytes. */
function barePng(file: Uint8Array): Uint8Array {
  const chunks = Array.from(pngChunks(file)).filter(({ type }) => pixelChunks.has(type));
  return joined([file.subarray(0, pngSignature.length), ...chunks.map(({ from, to }) => file.subarray(from, to))]);
}
