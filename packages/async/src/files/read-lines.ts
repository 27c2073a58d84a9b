// Reads a file line by line. In memory is one line of a limited length, and the piece of the file that is being read.
import { open as openFile } from "node:fs/promises";

export interface FileLine {
  /** Without the newline. Undefined for a line of more bytes than the limit. */
  readonly bytes: Buffer | undefined;
  /** Offset in the file after the line and its newline. */
  readonly end: number;
  /** Whether a newline ends the line: the last line may have none. */
  readonly isWhole: boolean;
}

export interface ReadLinesOptions {
  /** Limit of a line, without its newline. */
  readonly maxBytes: number;
  /** Offset at which a line begins. */
  readonly from?: number;
  /** `open` of node:fs. */
  readonly open?: typeof openFile;
}

/** Bytes that are read at a time. Other code runs between two pieces. */
const pieceBytes = 65_536;
const newLine = 0x0a;

/** @throws Error of node:fs */
export async function* readLines(path: string, options: ReadLinesOptions): AsyncGenerator<FileLine> {
  const { maxBytes, from = 0, open = openFile } = options;
  const file = await open(path, "r");
  try {
    let read = from;
    let rest: Buffer[] = [];
    let restBytes = 0;
    const endLine = (last: Buffer, end: number, isWhole: boolean): FileLine => {
      const bytes = restBytes + last.length > maxBytes ? undefined : Buffer.concat([...rest, last]);
      rest = [];
      restBytes = 0;
      return { bytes, end, isWhole };
    };
    for (;;) {
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(pieceBytes), 0, pieceBytes, read);
      if (bytesRead === 0) break;
      const piece = buffer.subarray(0, bytesRead);
      let start = 0;
      for (let end = piece.indexOf(newLine); end >= 0; end = piece.indexOf(newLine, start)) {
        const last = piece.subarray(start, end);
        start = end + 1;
        yield endLine(last, read + start, true);
      }
      read += bytesRead;
      restBytes += bytesRead - start;
      if (restBytes > maxBytes) rest = [];
      else rest.push(piece.subarray(start));
    }
    if (restBytes > 0) yield endLine(Buffer.alloc(0), read, false);
  } finally {
    await file.close();
  }
}
