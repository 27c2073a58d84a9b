// Reads integers, strings and raw bytes from a source, front to back and within limits.
import type { ByteSource } from "./byte-source.ts";
import { damaged } from "./gguf-error.ts";
import { limits } from "./limits.ts";

/** Size of the first read; each further read is twice as large. A small header is then cheap, and a remote header needs few requests. */
const firstWindowBytes = 1 << 18;
const maxWindowBytes = 1 << 22;
const lengthBytes = 8;
/** The high 32 bits of 2^53 - 1. */
const maxHighHalf = 2 ** 21 - 1;

/** Receives a string of an array as `bytes[start, end)`. The buffer is overwritten after the call. */
export type VisitText = (bytes: Buffer, start: number, end: number, index: number) => void;

export interface Cursor {
  readonly position: number;
  readonly size: number;
  u32(): Promise<number>;
  /** @throws GgufError above 2^53 - 1, which no position in a file reaches */
  u64(): Promise<number>;
  /** Copies the bytes. */
  bytes(length: number): Promise<Buffer>;
  skip(length: number): void;
  /** Reads a string: its length in 8 bytes, then its bytes. @throws GgufError above `maxBytes` */
  text(maxBytes: number): Promise<string>;
  /**
   * Skips an array of strings. The strings have different lengths, so the cursor has to read all of them.
   * @param visit called for each string
   */
  skipTexts(count: number, visit?: VisitText): Promise<void>;
}

/** Checks each length against the source's size and the limits before it reads or allocates anything. */
export function createCursor({ size, read }: ByteSource, signal?: AbortSignal): Cursor {
  let window: Buffer = Buffer.alloc(0);
  let windowStart = 0;
  let windowBytes = firstWindowBytes;
  let position = 0;

  function claim(length: number): number {
    const start = position;
    if (!(length <= size - start)) throw damaged(`${length} bytes at ${start} of ${size}`);
    if (start + length > limits.headerBytes) throw damaged(`a header of more than ${limits.headerBytes} bytes`);
    position = start + length;
    return start;
  }

  async function fetchBytes(start: number, length: number): Promise<Buffer> {
    signal?.throwIfAborted();
    const { buffer, byteOffset, byteLength } = await read(start, length, signal);
    return Buffer.from(buffer, byteOffset, byteLength);
  }

  /** Reads the bytes into the window if they are not there. @returns their index in the window */
  async function hold(start: number, length: number): Promise<number> {
    if (start >= windowStart && start + length <= windowStart + window.length) return start - windowStart;
    window = await fetchBytes(start, Math.min(Math.max(windowBytes, length), size - start));
    windowStart = start;
    windowBytes = Math.min(2 * windowBytes, maxWindowBytes);
    if (window.length < length) throw damaged("it became shorter while it was read");
    return 0;
  }

  async function u64(): Promise<number> {
    return lengthAt(await hold(claim(lengthBytes), lengthBytes));
  }

  function lengthAt(at: number): number {
    // Reading two halves is several times as fast as reading a BigInt, and a vocabulary has 300,000 lengths.
    const high = window.readUInt32LE(at + 4);
    if (high > maxHighHalf) throw damaged(`a length of ${window.readBigUInt64LE(at)}`);
    return high * 2 ** 32 + window.readUInt32LE(at);
  }

  async function bytes(length: number): Promise<Buffer> {
    const start = claim(length);
    const at = await hold(start, length);
    return Buffer.from(window.subarray(at, at + length));
  }

  async function textLength(maxBytes: number): Promise<number> {
    const length = await u64();
    if (length > maxBytes) throw damaged(`a string of ${length} bytes at ${position}`);
    return length;
  }

  /** Skips the strings that are complete in the window, without waiting. @returns the index of the next string */
  function skipHeld(count: number, from: number, visit: VisitText | undefined): number {
    if (position < windowStart) return from;
    let index = from;
    let at = position - windowStart;
    const end = window.length;
    while (index < count && at + lengthBytes <= end) {
      const textEnd = at + lengthBytes + lengthAt(at);
      if (textEnd > end) break;
      visit?.(window, at + lengthBytes, textEnd, index);
      at = textEnd;
      index += 1;
    }
    claim(Math.max(0, windowStart + at - position));
    return index;
  }

  return {
    get position() {
      return position;
    },
    size,
    u64,
    bytes,
    async u32() {
      const at = await hold(claim(4), 4);
      return window.readUInt32LE(at);
    },
    skip: (length) => void claim(length),
    async text(maxBytes) {
      return (await bytes(await textLength(maxBytes))).toString("utf8");
    },
    async skipTexts(count, visit) {
      for (let index = 0; index < count;) {
        index = skipHeld(count, index, visit);
        if (index === count) return;
        const length = await textLength(limits.stringBytes);
        if (visit === undefined || length > maxWindowBytes) claim(length);
        else visit(await bytes(length), 0, length, index);
        index += 1;
      }
    },
  };
}
