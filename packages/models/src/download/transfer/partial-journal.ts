// Reads and writes the journal of a partial file, which lists the byte ranges that are on the disk. The journal has a fixed size and is written in
// place: this works even if the disk is full.
import { constants } from "node:fs";
import { open, stat } from "node:fs/promises";
import { readTextLater } from "@waggle/async";
import type { ByteRange } from "./byte-ranges.ts";

const noteBytes = 4_096;
/** This many ranges fit into the journal, even with the largest numbers. Usually there are only a few more ranges than connections. */
const mostRanges = 100;

/** @returns the ranges that are on the disk; an empty list if the journal is missing or does not match the file */
export async function readJournal(path: string, partialPath: string, sizeBytes: number): Promise<readonly ByteRange[]> {
  try {
    const { size } = await stat(partialPath);
    const note: unknown = JSON.parse(await readTextLater(path, { maxBytes: noteBytes }));
    const ranges = (note as { ranges?: unknown } | null)?.ranges;
    if (!Array.isArray(ranges) || ranges.length > mostRanges) return [];
    const read = ranges.map((pair: unknown) => rangeOf(pair, Math.min(size, sizeBytes)));
    return read.includes(undefined) ? [] : (read as readonly ByteRange[]);
  } catch {
    return [];
  }
}

/** @throws errors of the file system */
export async function writeJournal(path: string, ranges: readonly ByteRange[]): Promise<void> {
  const pairs = ranges.slice(0, mostRanges).map(({ from, to }) => [from, to]);
  const note = JSON.stringify({ ranges: pairs }).padEnd(noteBytes);
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT, 0o644);
  try {
    await file.write(note, 0);
  } finally {
    await file.close();
  }
}

function rangeOf(pair: unknown, sizeBytes: number): ByteRange | undefined {
  if (!Array.isArray(pair) || pair.length !== 2) return undefined;
  const [from, to] = pair as unknown[];
  if (!isPlace(from) || !isPlace(to) || from >= to || to > sizeBytes) return undefined;
  return { from, to };
}

function isPlace(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
