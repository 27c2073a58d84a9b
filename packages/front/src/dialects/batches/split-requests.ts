// Splits the body {"requests": [{…}, {…}]} into its elements while it arrives. Knows only strings and nesting, so its work for each byte is the same
// whatever the body is, and it keeps no more than one element.
import { WaggleError, messageBatchLimits, refuseField } from "@waggle/protocol";
import { tooLarge } from "../../body/body.ts";
import { createGrowingBuffer } from "../../body/growing-buffer.ts";
import type { GrowingBuffer } from "../../body/growing-buffer.ts";

export interface RequestSplitter {
  /** The elements that end within these bytes. @throws WaggleError payload_too_large */
  write(bytes: Uint8Array): Generator<Buffer>;
  /** Checks what was around the elements. @throws WaggleError invalid_argument */
  end(): void;
}

/** Bytes around the elements, and a comma and a mark for each. */
const aroundBytes = 65_536 + 2 * messageBatchLimits.requests;
const [space, quote, backslash] = [0x20, 0x22, 0x5c];
/** What is before the list. Only the end is read, since a body may have thousands of lists. */
const listStart = /[{,]\s*"requests"\s*:\s*$/;
const listStartBytes = 128;
/** Replaces an element. */
const mark = Buffer.from("0");

export function createRequestSplitter(maxElementBytes: number): RequestSplitter {
  const bufferOf = (expected: number): GrowingBuffer => createGrowingBuffer({ expected, onGrow: () => {} });
  const around = bufferOf(aroundBytes);
  let element = bufferOf(maxElementBytes);
  let elements = 0;
  let depth = 0;
  let isString = false;
  let isEscaped = false;
  let isList = false;
  /** Index of the first byte that is not kept yet. */
  let start = 0;

  function keep(bytes: Uint8Array): void {
    const isElement = isList && depth > 2;
    const [target, most] = isElement ? [element, maxElementBytes] : [around, aroundBytes];
    // Spaces between many elements would fill the limit.
    const kept = isList && !isElement ? bytes.filter((byte) => byte > space) : bytes;
    if (target.length + kept.length > most) throw tooLarge(most);
    target.append(kept);
  }

  function keepTo(bytes: Uint8Array, end: number): void {
    keep(bytes.subarray(start, end));
    start = end;
  }

  return {
    *write(bytes) {
      start = 0;
      for (let at = 0; at < bytes.length; at += 1) {
        const byte = bytes[at];
        if (isString) {
          if (isEscaped) isEscaped = false;
          else if (byte === backslash) isEscaped = true;
          else if (byte === quote) isString = false;
          continue;
        }
        switch (byte) {
          case quote:
            isString = true;
            break;
          case 0x5b: // [
          case 0x7b: // {
            if (depth === 1 || (isList && depth === 2)) keepTo(bytes, at);
            if (depth === 1) isList = listStart.test(around.bytes().subarray(-listStartBytes).toString("latin1"));
            depth += 1;
            break;
          case 0x5d: // ]
          case 0x7d: // }
            if (isList && depth === 3) {
              keepTo(bytes, at + 1);
              elements += 1;
              yield element.bytes();
              element = bufferOf(maxElementBytes);
              depth = 2;
              keep(mark);
              break;
            }
            if (isList && depth === 2) keepTo(bytes, at);
            depth -= 1;
            if (depth < 2) isList = false;
            break;
          default:
        }
      }
      keepTo(bytes, bytes.length);
    },
    end() {
      const { requests } = parsed(around.bytes().toString("utf8"));
      if (requests === undefined) throw refuseField("requests", "missing; must be a list");
      if (!Array.isArray(requests) || requests.length !== elements)
        throw refuseField("requests", "must be one list of objects");
      if (elements === 0) throw refuseField("requests", "must not be empty");
    },
  };
}

function parsed(text: string): { readonly requests?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // The position in this text is not the position in the body.
  }
  throw new WaggleError("invalid_argument", "Cannot read the body: not a JSON object.");
}
