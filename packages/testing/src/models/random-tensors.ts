// Writes a GGUF file whose tensors have pseudo-random weights.
import { aligned, ggufHeader, type GgufTensor } from "./gguf.ts";
import { createKeystream } from "./keystream.ts";
import { writeModelFile } from "./model-file.ts";
import { tensorPieces } from "./random-weights.ts";

export interface RandomTensorsOptions {
  /** Number that the weights depend on; 1 by default. */
  readonly seed?: number;
  /** Called after each part of the file with the share that is written, up to 1. */
  readonly onProgress?: (share: number) => void;
}

/** Returns the size of the file in bytes. @throws Error naming the path after a failure; the unfinished file is deleted */
export function writeRandomTensors(
  path: string,
  metadata: Readonly<Record<string, Buffer>>,
  tensors: readonly GgufTensor[],
  options: RandomTensorsOptions,
): number {
  return writeModelFile(path, piecesOf(ggufHeader(metadata, tensors), tensors, options));
}

function* piecesOf(
  header: Buffer,
  tensors: readonly GgufTensor[],
  { seed, onProgress = () => {} }: RandomTensorsOptions,
): Generator<Buffer, void> {
  const whole = tensors.reduce((sum, { bytes }) => sum + aligned(bytes), header.length);
  const random = createKeystream(seed);
  let written = 0;
  for (const pieces of [[header], ...tensors.map((tensor) => tensorPieces(tensor, random))]) {
    for (const piece of pieces) {
      yield piece;
      written += piece.length;
      onProgress(written / whole);
    }
  }
}
