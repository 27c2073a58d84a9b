// Owns the walk over a GGUF file's header before any parser that trusts it: the ones below abort the process over a length that lies.
import { closeSync, openSync, statSync } from "node:fs";
import { basename } from "node:path";
import { WaggleError } from "@waggle/protocol";
import { createCursor, OutOfFileError, type Cursor } from "./gguf-cursor.ts";
import { cannotLoad, fileReason } from "./load-error.ts";

/** Real models have a few dozen keys, a few thousand tensors and up to 300,000 words. */
const limits = {
  keyBytes: 65_535,
  keys: 65_536,
  tensors: 1_000_000,
  stringBytes: 1 << 26,
  arrayLength: 1 << 24,
} as const;

const defaultAlignment = 32;
const maxDimensions = 4;
const stringType = 8;
const arrayType = 9;
const uint32Type = 4;
/** Bytes of each scalar type, by its number; undefined for string and array. */
const scalarBytes: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];

export interface GgufHeader {
  /** `general.architecture` */
  readonly architecture: string;
  /** `general.name` */
  readonly name: string | undefined;
}

/**
 * Reads as much of the file as has to be sound for others to read it.
 * @throws WaggleError unavailable: no such file, not a GGUF file, truncated or damaged
 */
export function readGgufHeader(modelPath: string): GgufHeader {
  const { fd, size } = openFile(modelPath);
  try {
    return walk(createCursor(fd, size), (reason) => cannotLoad(modelPath, reason));
  } catch (error) {
    if (error instanceof OutOfFileError) throw cannotLoad(modelPath, "the file is truncated or damaged", error);
    throw error;
  } finally {
    closeSync(fd);
  }
}

/**
 * The model's own name: the GGUF's `general.name`, else its file name.
 * @throws WaggleError unavailable, as for loading it
 */
export async function readModelName(modelPath: string): Promise<string> {
  return readGgufHeader(modelPath).name ?? basename(modelPath);
}

function openFile(modelPath: string): { fd: number; size: number } {
  try {
    // Looked at first: opening a pipe would wait for its writer.
    const stats = statSync(modelPath);
    if (stats.isFile()) return { fd: openSync(modelPath, "r"), size: stats.size };
    throw cannotLoad(modelPath, stats.isDirectory() ? "a directory, not a file" : "not a regular file");
  } catch (error) {
    throw error instanceof WaggleError ? error : cannotLoad(modelPath, fileReason(error), error);
  }
}

function walk(cursor: Cursor, refuse: (reason: string) => Error): GgufHeader {
  const damaged = (): Error => refuse("the file is truncated or damaged");
  if (cursor.size < 4 || cursor.bytes(4).toString("latin1") !== "GGUF") throw refuse("not a GGUF file");
  const version = cursor.u32();
  if (version !== 2 && version !== 3) throw refuse(`GGUF version ${version} is not supported`);
  const tensors = cursor.u64();
  const keys = cursor.u64();
  if (tensors > limits.tensors || keys > limits.keys) throw damaged();

  const found = new Map<string, string>();
  let alignment = defaultAlignment;
  for (let i = 0; i < keys; i++) {
    const key = readString(cursor, limits.keyBytes);
    const type = cursor.u32();
    if (key === "general.alignment" && type === uint32Type) alignment = cursor.u32();
    else if (type === stringType && key.startsWith("general.")) found.set(key, readString(cursor, limits.stringBytes));
    else skipValue(cursor, type);
  }
  checkTensors(cursor, tensors, alignment);

  const architecture = found.get("general.architecture");
  if (architecture === undefined) throw refuse("it names no architecture");
  const name = found.get("general.name")?.trim();
  return { architecture, name: name === "" ? undefined : name };
}

function readString(cursor: Cursor, maxBytes: number): string {
  const length = cursor.u64();
  if (length > maxBytes) throw new OutOfFileError(`a string of ${length} bytes`);
  return cursor.bytes(length).toString("utf8");
}

function skipString(cursor: Cursor): void {
  const length = cursor.u64();
  if (length > limits.stringBytes) throw new OutOfFileError(`a string of ${length} bytes`);
  cursor.skip(length);
}

function skipValue(cursor: Cursor, type: number): void {
  if (type === stringType) return skipString(cursor);
  if (type !== arrayType) return cursor.skip(bytesOf(type));
  const elementType = cursor.u32();
  const length = cursor.u64();
  if (length > limits.arrayLength) throw new OutOfFileError(`an array of ${length} elements`);
  if (elementType !== stringType) return cursor.skip(length * bytesOf(elementType));
  for (let i = 0; i < length; i++) skipString(cursor);
}

function bytesOf(type: number): number {
  const bytes = scalarBytes[type];
  if (bytes === undefined) throw new OutOfFileError(`a value of type ${type}`);
  return bytes;
}

/** Every tensor has to begin within the file; that it also ends there, llama.cpp checks itself. */
function checkTensors(cursor: Cursor, tensors: number, alignment: number): void {
  let lastOffset = -1;
  for (let i = 0; i < tensors; i++) {
    readString(cursor, limits.keyBytes);
    const dimensions = cursor.u32();
    if (dimensions > maxDimensions) throw new OutOfFileError(`a tensor of ${dimensions} dimensions`);
    cursor.skip(dimensions * 8 + 4);
    lastOffset = Math.max(lastOffset, cursor.u64());
  }
  if (alignment === 0) throw new OutOfFileError("an alignment of 0");
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  if (tensors > 0 && dataStart + lastOffset >= cursor.size) throw new OutOfFileError("tensors beyond the file's end");
}
