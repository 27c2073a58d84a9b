// Checks and reads a GGUF file's header before llama.cpp does, because llama.cpp aborts the process at a wrong length.
//
// The format is described in ggml's docs/gguf.md. Waggle reads versions 2 and 3, little-endian.
import type { ByteSource } from "./byte-source.ts";
import { createCursor, type Cursor } from "./cursor.ts";
import { damaged, GgufError } from "./gguf-error.ts";
import { createInfillSearch, type InfillMarkers } from "./infill-markers.ts";
import { limits } from "./limits.ts";
import { readMetadata, type Metadata } from "./metadata.ts";
import { readTensors, type GgufTensor } from "./tensors.ts";

const defaultAlignment = 32;

export interface GgufHeader {
  readonly version: number;
  /** `general.architecture` */
  readonly architecture: string;
  /** `general.name`, cleaned and cut; undefined if it is missing or blank. */
  readonly name: string | undefined;
  readonly metadata: Metadata;
  /** Tensors of all parts that were read. */
  readonly tensors: readonly GgufTensor[];
  /** Alignment of the tensors' data, in bytes. */
  readonly alignment: number;
  readonly tensorBytes: number;
  /** Bytes of all parts that were read. */
  readonly fileBytes: number;
  /** Number of files; 1 unless the model is split. */
  readonly parts: number;
  /** Undefined if the vocabulary has no infill markers. */
  readonly infill: InfillMarkers | undefined;
}

export interface ReadHeaderOptions {
  readonly signal?: AbortSignal | undefined;
}

interface HeaderPart extends Omit<GgufHeader, "architecture"> {
  readonly architecture: string | undefined;
}

/**
 * Reads the header of one file: a whole model, or the first part of a split model.
 * @throws GgufError; the signal's reason when it aborts; errors of the source
 */
export async function readGgufHeader(source: ByteSource, { signal }: ReadHeaderOptions = {}): Promise<GgufHeader> {
  return withArchitecture(await readPart(source, signal));
}

/**
 * Reads the headers of all parts of a model, one after the other. The metadata is that of the first part.
 * @param openPart opens the part with this index, from 0; its source is closed before the next part is opened
 * @throws GgufError; the signal's reason when it aborts; errors of the sources
 */
export async function readGgufParts(
  count: number,
  openPart: (index: number) => Promise<ByteSource>,
  { signal }: ReadHeaderOptions = {},
): Promise<GgufHeader> {
  if (!(count >= 1 && count <= limits.parts)) throw damaged(`${count} parts`);
  const parts: HeaderPart[] = [];
  for (let index = 0; index < count; index++) parts.push(await openAndRead(index, count, openPart, signal));
  const [first] = parts;
  if (first === undefined) throw damaged("no parts");
  const declared = first.metadata.number("split.count") ?? 1;
  if (declared > 1 && declared !== count)
    throw new GgufError(`the model is split into ${declared} parts, not ${count}`);
  return {
    ...withArchitecture(first),
    tensors: parts.flatMap(({ tensors }) => tensors),
    tensorBytes: sum(parts.map(({ tensorBytes }) => tensorBytes)),
    fileBytes: sum(parts.map(({ fileBytes }) => fileBytes)),
    parts: count,
  };
}

async function openAndRead(
  index: number,
  count: number,
  openPart: (index: number) => Promise<ByteSource>,
  signal: AbortSignal | undefined,
): Promise<HeaderPart> {
  try {
    await using source = await openPart(index);
    return await readPart(source, signal);
  } catch (error) {
    if (!(error instanceof GgufError) || count === 1) throw error;
    throw new GgufError(`part ${index + 1} of ${count}: ${error.message}`, { cause: error });
  }
}

async function readPart(source: ByteSource, signal: AbortSignal | undefined): Promise<HeaderPart> {
  const cursor = createCursor(source, signal);
  const version = await readVersion(cursor);
  const tensorCount = await cursor.u64();
  const keys = await cursor.u64();
  if (tensorCount > limits.tensors) throw damaged(`${tensorCount} tensors`);
  if (keys > limits.keys) throw damaged(`${keys} keys`);
  const search = createInfillSearch();
  const metadata = await readMetadata(cursor, { count: keys, onToken: search.onToken });
  const alignment = metadata.number("general.alignment") ?? defaultAlignment;
  if (!Number.isInteger(alignment) || alignment < 1) throw damaged(`an alignment of ${alignment}`);
  const tensors = await readTensors(cursor, tensorCount, alignment);
  const name = nameIn(metadata);
  return {
    version,
    architecture: metadata.string("general.architecture"),
    name,
    metadata,
    tensors,
    alignment,
    tensorBytes: sum(tensors.map(({ bytes }) => bytes)),
    fileBytes: source.size,
    parts: 1,
    infill: search.found(metadata),
  };
}

/** Leaves room for an appended number within the limit of requests. */
const mostNameChars = 200;

/** `general.name` as a request can have it: words without control characters, line breaks and marks that change the direction of text. */
function nameIn(metadata: Metadata): string | undefined {
  const words =
    metadata
      .string("general.name")
      ?.replaceAll(/[\s\p{Cc}\p{Cf}]+/gu, " ")
      .trim() ?? "";
  return (
    words
      .slice(0, mostNameChars)
      .replace(/[\uD800-\uDBFF]$/, "")
      .trim() || undefined
  );
}

async function readVersion(cursor: Cursor): Promise<number> {
  if (cursor.size < 4 || (await cursor.bytes(4)).toString("latin1") !== "GGUF") {
    throw new GgufError(cursor.size === 0 ? "the file is empty" : "not a GGUF file");
  }
  const version = await cursor.u32();
  if (version === 2 || version === 3) return version;
  // Version 2 or 3 in reverse byte order.
  const bigEndian = version === 0x0200_0000 || version === 0x0300_0000;
  throw new GgufError(bigEndian ? "a big-endian GGUF file" : `GGUF version ${version} is not supported`);
}

function withArchitecture(part: HeaderPart): GgufHeader {
  const { architecture } = part;
  if (architecture === undefined) throw new GgufError("the file names no architecture");
  return { ...part, architecture };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
