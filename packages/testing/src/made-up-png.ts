// Makes PNG files of one color: 8 bits, without alpha.
import { crc32, deflateSync } from "node:zlib";

export interface MadeUpPng {
  readonly width?: number;
  readonly height?: number;
  /** Bytes of text in the file, to make it large. */
  readonly textBytes?: number;
}

/** @param color red, green and blue as one number, such as 0xff0000 */
export function madeUpPng(color: number, { width = 8, height = 8, textBytes = 0 }: MadeUpPng = {}): Uint8Array {
  const row = Buffer.alloc(1 + 3 * width);
  for (let x = 0; x < width; x += 1) row.writeUIntBE(color, 1 + 3 * x, 3);
  const head = Buffer.from([0, 0, 0, 0, 0, 0, 0, 0, 8, 2, 0, 0, 0]);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  const text = textBytes === 0 ? [] : [chunk("tEXt", Buffer.from(`Comment\0${"x".repeat(textBytes)}`))];
  const pixels = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)));
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const file = [signature, chunk("IHDR", head), ...text, chunk("IDAT", pixels), chunk("IEND", Buffer.alloc(0))];
  return new Uint8Array(Buffer.concat(file));
}

function chunk(type: string, data: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const frame = Buffer.alloc(8 + named.length);
  frame.writeUInt32BE(data.length, 0);
  named.copy(frame, 4);
  frame.writeUInt32BE(crc32(named), 4 + named.length);
  return frame;
}
