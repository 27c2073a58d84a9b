// Owns NDJSON: one JSON value a line, empty lines in between as signs of life.
import { decodeStream, type ByteStream } from "./decode-stream.ts";
import { NdjsonError } from "./errors.ts";

const defaultMaxLineBytes = 1024 * 1024;

/**
 * The value as one line.
 * @throws TypeError when it has no JSON (undefined, a function, a BigInt, a cycle)
 */
export function encodeNdjson(value: unknown): string {
  const json: string | undefined = JSON.stringify(value);
  if (json === undefined) throw new TypeError(`Cannot encode the line: ${typeof value} has no JSON`);
  return `${json}\n`;
}

/**
 * The values of an NDJSON stream, in order. Empty lines are skipped; the last line needs no line break.
 * @throws NdjsonError from the iterator when a line is larger than `maxLineBytes` (1 MiB by default) or no JSON
 */
export function parseNdjson(
  body: ByteStream,
  options: { readonly maxLineBytes?: number } = {},
): AsyncIterable<unknown> {
  const { maxLineBytes = defaultMaxLineBytes } = options;
  return decodeStream<unknown>(body, (emit) => {
    // Fragments of the unfinished line, joined once: adding each chunk to a string and searching that again would be quadratic.
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
  });
}

function parseLine(text: string, line: number): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The cause stays out: it quotes the line.
    throw new NdjsonError("syntax", line, "it is not JSON");
  }
}
