// Decodes the base64 of a picture while it arrives, so that its text is never in memory as a whole.
import { createHash } from "node:crypto";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";

export interface PictureDecoder {
  /** Takes the next characters, in ASCII. @throws WaggleError invalid_argument if they are not base64; the error of `onTooLarge` */
  write(base64: Buffer): void;
  /** @throws WaggleError invalid_argument if the base64 is incomplete */
  end(): Picture;
}

export interface PictureDecoderOptions {
  /** How errors name the picture, such as "picture 2". */
  readonly name: string;
  readonly maxBytes: number;
  /** Makes the error for a picture of more than `maxBytes`. */
  readonly onTooLarge: () => WaggleError;
  /** Called with the bytes of memory that the decoder takes, or with a negative number when it frees them. */
  readonly onGrow: (bytes: number) => void;
}

/** Sizes of the first and of the largest segment of memory. Segments are not copied as the picture grows. */
const [firstSegment, largestSegment] = [16_384, 1_048_576];
const padding = 0x3d;

export function createPictureDecoder({ name, maxBytes, onTooLarge, onGrow }: PictureDecoderOptions): PictureDecoder {
  const hash = createHash("sha256");
  const full: Buffer[] = [];
  let segment = Buffer.alloc(0);
  let used = 0;
  let size = 0;
  let memory = 0;
  /** Up to 3 characters that need more characters. */
  let rest = Buffer.alloc(0);
  let isPadded = false;

  function notBase64(): WaggleError {
    return new WaggleError("invalid_argument", `Cannot read ${name}: it is not valid base64.`);
  }

  function makeRoom(bytes: number): void {
    if (used + bytes <= segment.length) return;
    full.push(segment.subarray(0, used));
    const length = Math.max(bytes, Math.min(largestSegment, Math.max(firstSegment, 2 * segment.length)));
    segment = Buffer.allocUnsafeSlow(length);
    used = 0;
    memory += length;
    onGrow(length);
  }

  /** @param base64 a multiple of 4 characters */
  function decode(base64: Buffer): void {
    if (base64.length === 0) return;
    if (isPadded) throw notBase64();
    const padded = base64.at(-1) !== padding ? 0 : base64.at(-2) === padding ? 2 : 1;
    isPadded = padded > 0;
    const expected = (base64.length / 4) * 3 - padded;
    if (size + expected > maxBytes) throw onTooLarge();
    makeRoom(expected + padded);
    // Node skips characters that are not base64, so the number of bytes tells whether there are any.
    if (segment.write(base64.toString("latin1"), used, "base64") !== expected) throw notBase64();
    hash.update(segment.subarray(used, used + expected));
    used += expected;
    size += expected;
  }

  return {
    write(base64) {
      const missing = rest.length === 0 ? 0 : Math.min(4 - rest.length, base64.length);
      if (missing > 0) rest = Buffer.concat([rest, base64.subarray(0, missing)]);
      if (rest.length === 4) {
        decode(rest);
        rest = Buffer.alloc(0);
      }
      const left = base64.subarray(missing);
      const whole = left.length - (left.length % 4);
      decode(left.subarray(0, whole));
      // A copy, since the caller may use its buffer again.
      if (whole < left.length) rest = Buffer.from(left.subarray(whole));
    },
    end() {
      if (rest.length === 1) throw notBase64();
      if (rest.length > 0) decode(Buffer.concat([rest, Buffer.alloc(4 - rest.length, padding)]));
      const bytes = Buffer.allocUnsafeSlow(size);
      let at = 0;
      for (const one of [...full, segment.subarray(0, used)]) at += one.copy(bytes, at);
      full.length = 0;
      segment = Buffer.alloc(0);
      onGrow(-memory);
      return { sha256: hash.digest("hex"), bytes: new Uint8Array(bytes.buffer) };
    },
  };
}
