// Encodes and decodes NDJSON: one JSON value per line. Empty lines between values keep the connection open.
import type { Decoder } from "./decode-stream.ts";

const defaultMaxLineBytes = 1024 * 1024;

/** The message never quotes the stream, since the stream may contain a user's prompt or answer. */
export class NdjsonError extends Error {
  override readonly name = "NdjsonError";
  readonly reason: "limit" | "syntax";
  /** Number of the line, from 1. */
  readonly line: number;

  constructor(reason: "limit" | "syntax", line: number, problem: string) {
    super(`Cannot read line ${line} of the NDJSON stream: ${problem}`);
    this.reason = reason;
    this.line = line;
  }
}

/** @throws TypeError when the value cannot be written as JSON (undefined, a function, a BigInt, a cycle) */
export function encodeNdjson(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`Cannot encode the line: ${typeof value} cannot be written as JSON`);
  return `${json}\n`;
}

/**
 * Emits the values of an NDJSON stream, in order. Empty lines are skipped; the last line needs no line break.
 * @throws NdjsonError from both methods when a line is larger than `maxLineBytes` (1 MiB by default) or not JSON
 */
export function createNdjsonDecoder(
  emit: (value: unknown) => void,
  options: { readonly maxLineBytes?: number } = {},
): Decoder {
  const { maxLineBytes = defaultMaxLineBytes } = options;
  // Fragments of the unfinished line, which are joined at its end: searching the whole line again after each chunk would take quadratic time.
  let fragments: string[] = [];
  let pendingChars = 0;
  let line = 1;

  function hold(fragment: string): void {
    fragments.push(fragment);
    pendingChars += fragment.length;
    if (pendingChars > maxLineBytes) throw tooLong();
  }

  function finishLine(): void {
    const text = fragments.join("");
    fragments = [];
    pendingChars = 0;
    if (Buffer.byteLength(text) > maxLineBytes) throw tooLong();
    if (text.trim() !== "") emit(parseLine(text, line));
    line += 1;
  }

  function tooLong(): NdjsonError {
    return new NdjsonError("limit", line, `it is larger than ${maxLineBytes} bytes`);
  }

  return {
    feed(text) {
      let start = 0;
      for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", start)) {
        hold(text.slice(start, end));
        finishLine();
        start = end + 1;
      }
      if (start < text.length) hold(text.slice(start));
    },
    end: finishLine,
  };
}

function parseLine(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Do not pass the cause: its message quotes the line.
    throw new NdjsonError("syntax", line, "it is not JSON");
  }
}
