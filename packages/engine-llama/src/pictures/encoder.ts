// Reads pictures for the Backend: encodes chunks with mtmd on a separate thread, and computes the embeddings in slots. Decision 109.
import { onAbort } from "@waggle/async";
import type { PictureEncoder, PicturePiece } from "@waggle/engine";
import type { Passes } from "../passes/passes.ts";
import type { DividePictures } from "./divide-pictures.ts";
import { createEmbeddingStore } from "./embeddings.ts";
import type { Projector } from "./projector.ts";

export interface EncoderOptions {
  readonly projector: Projector;
  readonly pictures: DividePictures;
  readonly feed: NonNullable<Passes["feed"]>;
}

export interface LlamaPictureEncoder extends PictureEncoder {
  /** Stops the encoding that runs, and frees the projector. */
  close(): Promise<void>;
}

export function createEncoder({ projector, pictures, feed }: EncoderOptions): LlamaPictureEncoder {
  const { native, width } = projector;
  const store = createEmbeddingStore(projector.mostKeptBytes);
  let running: Promise<unknown> = Promise.resolve();

  return {
    get dividing() {
      return pictures.dividing;
    },
    has: ({ id }) => store.get(id) !== undefined,
    async encode(chunk, picture, { threads, pieces }) {
      const { signal } = pieces;
      const { chunk: number, places } = await pictures.nativeOf(chunk, picture, pieces);
      signal?.throwIfAborted();
      const encoding = native.encode(number, threads);
      running = encoding.catch(() => {});
      const forget = signal === undefined ? undefined : onAbort(signal, () => native.stop());
      const values = await encoding.finally(forget);
      if (values !== undefined) store.add(chunk.id, { values, places });
      signal?.throwIfAborted();
    },
    setThreads: (threads) => native.setThreads(threads),
    hold: ({ id }) => store.hold(id),
    release: ({ id }) => store.release(id),
    async feed(piece) {
      const encoded = store.get(piece.chunk.id);
      if (encoded === undefined) throw new Error(`Cannot compute a picture: ${piece.chunk.id} is not encoded`);
      const { slot, first, count, chunk } = piece;
      const values = encoded.values.subarray(first * width, (first + count) * width);
      await feed(slot, values, positionsOf(piece, encoded.places), chunk.causal);
    },
    async close() {
      native.stop();
      await running;
      native.free();
    },
  };
}

const mropeDimensions = 4;
/** The last dimension is not a place in the prompt. */
const placedDimensions = 3;

/** Returns the positions of the piece's cells in the order of llama_batch. */
function positionsOf({ chunk, first, count, from }: PicturePiece, places: Int32Array | undefined): Int32Array {
  if (places === undefined) return Int32Array.from({ length: count }, (_, i) => from + first + i);
  const positions = new Int32Array(mropeDimensions * count);
  for (let dimension = 0; dimension < mropeDimensions; dimension++) {
    const start = dimension < placedDimensions ? from : 0;
    for (let i = 0; i < count; i++) {
      positions[dimension * count + i] = start + (places[dimension * chunk.cells + first + i] ?? 0);
    }
  }
  return positions;
}
