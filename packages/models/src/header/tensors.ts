// Reads the tensors of a header: their names, shapes, types and positions.
import type { Cursor } from "./cursor.ts";
import { damaged } from "./gguf-error.ts";
import { limits } from "./limits.ts";
import { bytesOfWeights, tensorTypeOf } from "./tensor-types.ts";

export interface GgufTensor {
  readonly name: string;
  /** Fastest-running dimension first: a matrix of r rows with c columns is [c, r]. */
  readonly shape: readonly number[];
  readonly weights: number;
  /** Such as `Q4_K`; a type that is newer than our table is named by its number: `type 99`. */
  readonly type: string;
  /** Bytes from the beginning of its file. */
  readonly offset: number;
  readonly bytes: number;
}

interface Entry {
  readonly name: string;
  readonly shape: readonly number[];
  readonly weights: number;
  readonly typeId: number;
  /** Bytes from the beginning of the file's tensor data. */
  readonly start: number;
}

/** @throws GgufError for a tensor that is not within the file */
export async function readTensors(cursor: Cursor, count: number, alignment: number): Promise<readonly GgufTensor[]> {
  const entries: Entry[] = [];
  for (let index = 0; index < count; index++) entries.push(await readEntry(cursor));
  const dataStart = Math.ceil(cursor.position / alignment) * alignment;
  const dataBytes = cursor.size - dataStart;
  const starts = entries.map(({ start }) => start).sort((one, other) => one - other);
  return entries.map((entry) => {
    const { name, shape, weights, start } = entry;
    const type = tensorTypeOf(entry.typeId);
    const bytes = type === undefined ? gapAfter(start, starts, dataBytes) : bytesOfWeights(type, weights);
    if (start + bytes > dataBytes || start >= dataBytes) throw damaged(`${name} ends beyond the file's end`);
    return { name, shape, weights, type: type?.name ?? `type ${entry.typeId}`, offset: dataStart + start, bytes };
  });
}

async function readEntry(cursor: Cursor): Promise<Entry> {
  const name = await cursor.text(limits.tensorNameBytes);
  const dimensions = await cursor.u32();
  if (dimensions > limits.dimensions) throw damaged(`${name} of ${dimensions} dimensions`);
  const shape: number[] = [];
  for (let index = 0; index < dimensions; index++) shape.push(await cursor.u64());
  const weights = shape.reduce((product, length) => product * length, 1);
  if (!Number.isSafeInteger(weights)) throw damaged(`${name} of ${weights} weights`);
  const typeId = await cursor.u32();
  return { name, shape, weights, typeId, start: await cursor.u64() };
}

/** Bytes up to the next tensor: the most that a tensor of unknown type can take. */
function gapAfter(start: number, sortedStarts: readonly number[], dataBytes: number): number {
  let [low, high] = [0, sortedStarts.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sortedStarts[middle] ?? 0) <= start) low = middle + 1;
    else high = middle;
  }
  return (sortedStarts[low] ?? dataBytes) - start;
}
