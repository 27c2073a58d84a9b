// Reads a source from front to back, within limits. It does not interpret the values.
import type { ByteSource } from "./byte-source.ts";
import { damaged } from "./gguf-error.ts";
import { limits } from "./limits.ts";

/** Size of the first read; each further read is twice as large. So a small header is cheap, and a remote one needs few requests. */
const firstWindowBytes = 1 << 18;
const maxWindowBytes = 1 << 22;
const lengthBytes = 8;
/** Of 2^53 - 1. */
const maxHighHalf = 2 ** 21 - 1;

/** A string's bytes are those from `start` to `end`; they are overwritten later. */
export type VisitText = (bytes: Buffer, start: number, end: number, index: number) => void;

export interface Cursor {
  readonly position: number;
  readonly size: number;
  u32(): Promise<number>;
  /** @throws GgufError above 2^53, where no file has anything */
  u64(): Promise<number>;
  /** A copy. */
  bytes(length: number): Promise<Buffer>;
  skip(length: number): void;
  /** A length and as many bytes. @throws GgufError above the limit */
  text(maxBytes: number): Promise<string>;
  /**
   * Passes over strings, which takes reading all of them: each has its own length.
   * @param visit receives the position of each
   */
  skipTexts(count: number, visit?: VisitText): Promise<void>;
}

/** Nothing is read or allocated before its length is known to lie within the source and the limits. */
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

  /** Where in the window these bytes begin. */
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
    // Two halves are read several times as fast as a BigInt, and a vocabulary has 300,000 lengths.
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

  /** Those that lie whole within the window, without waiting. Answers with how many they were. */
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
