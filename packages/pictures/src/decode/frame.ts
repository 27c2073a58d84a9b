// The first frame of a GIF or WebP file, and its place on the canvas.
import { fileView } from "../header/file-view.ts";
import type { StoredPicture } from "../header/stored-picture.ts";
import { UnreadablePicture } from "../header/unreadable-picture.ts";
import { webpChunks, type WebpChunk } from "../header/webp-file.ts";
import { latin1Bytes, joined, littleEndian } from "./bytes.ts";

interface Frame {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The limits of the header hold for the canvas. @throws UnreadablePicture when the frame is larger than the canvas */
function checkPlace({ left, top, width, height }: Frame, canvas: StoredPicture, format: string): void {
  if (left + width <= canvas.width && top + height <= canvas.height) return;
  throw new UnreadablePicture(`its first ${format} frame is not on the canvas`);
}

const gifHeaderBytes = 13;
const gifExtension = 0x21;
const gifFrame = 0x2c;

/** @throws UnreadablePicture RangeError */
export function checkGifFrame(file: Uint8Array, canvas: StoredPicture): void {
  const view = fileView(file);
  const flags = view.u8(10);
  const colors = (flags & 0x80) === 0 ? 0 : 2 << (flags & 0x07);
  let at = gifHeaderBytes + colors * 3;
  while (view.u8(at) === gifExtension) {
    at += 2;
    // Parts, each after its length; a length of 0 ends the extension.
    while (view.u8(at) !== 0) at += view.u8(at) + 1;
    at += 1;
  }
  if (view.u8(at) !== gifFrame) throw new UnreadablePicture("its GIF file has no frame");
  const [left, top] = [view.u16(at + 1, true), view.u16(at + 3, true)];
  checkPlace({ left, top, width: view.u16(at + 5, true), height: view.u16(at + 7, true) }, canvas, "GIF");
}

/** A WebP file without metadata and with one frame. */
export interface BareWebp {
  readonly file: Uint8Array<ArrayBuffer>;
  readonly frame: Frame;
}

const webpFrameHeaderBytes = 16;
const alphaFlag = 0x10;

/** @throws UnreadablePicture RangeError */
export function bareWebp(file: Uint8Array, canvas: StoredPicture): BareWebp {
  const chunks = Array.from(webpChunks(file));
  const first = chunks.find(({ type }) => type === "ANMF");
  if (first === undefined) {
    const frame = { left: 0, top: 0, width: canvas.width, height: canvas.height };
    return { file: stillWebp(chunks, frame), frame };
  }
  const view = fileView(first.data);
  const [left, top] = [view.u24(0) * 2, view.u24(3) * 2];
  const frame = { left, top, width: view.u24(6) + 1, height: view.u24(9) + 1 };
  checkPlace(frame, canvas, "WebP");
  return { file: stillWebp(Array.from(webpChunks(first.data, webpFrameHeaderBytes)), frame), frame };
}

/** With an extended header, from which the decoder learns about alpha, and whose size it compares with that of the pixels. */
function stillWebp(chunks: readonly WebpChunk[], { width, height }: Frame): Uint8Array<ArrayBuffer> {
  const alpha = chunks.filter(({ type }) => type === "ALPH").slice(0, 1);
  const pixels = chunks.find(({ type }) => type === "VP8 " || type === "VP8L");
  if (pixels === undefined) throw new UnreadablePicture("its WebP file has no pixels");
  const flags = littleEndian(alpha.length * alphaFlag);
  const size = [width, height].map((side) => littleEndian(side - 1).subarray(0, 3));
  const header: WebpChunk = { type: "VP8X", data: joined([flags, ...size]) };
  const body = joined([latin1Bytes("WEBP"), ...[header, ...alpha, pixels].flatMap(webpChunkBytes)]);
  return joined([latin1Bytes("RIFF"), littleEndian(body.length), body]);
}

function webpChunkBytes({ type, data }: WebpChunk): readonly Uint8Array[] {
  return [latin1Bytes(type), littleEndian(data.length), data, new Uint8Array(data.length % 2)];
}
