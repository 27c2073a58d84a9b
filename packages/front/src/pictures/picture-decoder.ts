// Decodes the base64 of a picture while it arrives, so that its text is never in memory as a whole.
import { createHash } from "node:crypto";
import type { Picture } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { createGrowingBuffer } from "../body/growing-buffer.ts";

export interface PictureDecoder {
  /** Takes the next characters. @throws WaggleError invalid_argument if they are not base64; the error of `onTooLarge` */
  write(base64: string): void;
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

export function createPictureDecoder({ name, maxBytes, onTooLarge, onGrow }: PictureDecoderOptions): PictureDecoder {
  const bytes = createGrowingBuffer({ expected: maxBytes, onGrow });
  const hash = createHash("sha256");
  /** Up to 3 characters that need more characters. */
  let rest = "";
  let padded = false;

  function notBase64(): WaggleError {
    return new WaggleError("invalid_argument", `Cannot read ${name}: it is not valid base64.`);
  }

  function decode(text: string): void {
    if (text === "") return;
    // Node skips characters that are not base64, so the number of bytes tells whether there are any.
    const padding = text.endsWith("==") ? 2 : text.endsWith("=") ? 1 : 0;
    if (padded) throw notBase64();
    padded = padding > 0;
    const from = bytes.length;
    if (from + (text.length / 4) * 3 - padding > maxBytes) throw onTooLarge();
    if (bytes.appendBase64(text) !== (text.length / 4) * 3 - padding) throw notBase64();
    hash.update(bytes.bytes().subarray(from));
  }

  return {
    write(base64) {
      const text = rest + base64;
      const whole = text.length - (text.length % 4);
      rest = text.slice(whole);
      decode(text.slice(0, whole));
    },
    end() {
      if (rest.length === 1) throw notBase64();
      decode(rest === "" ? "" : rest.padEnd(4, "="));
      // A copy of the exact size: the growing buffer may have twice as many bytes.
      const picture = { sha256: hash.digest("hex"), bytes: new Uint8Array(bytes.bytes()) };
      bytes.clear();
      return picture;
    },
  };
}
