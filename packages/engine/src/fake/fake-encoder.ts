// Implements the part of the Backend port that reads pictures, for the fake backend. A picture is any bytes; its cells depend on them.
import { WaggleError } from "@waggle/protocol";
import type { Picture, PictureChunk, PictureEncoder, PicturePiece } from "../port/pictures.ts";

export interface FakeEncoderOptions {
  /** Each encoding waits for this promise. */
  readonly gate: ((chunk: PictureChunk) => Promise<void>) | undefined;
  /** Computes cells in a slot. */
  readonly compute: (piece: PicturePiece) => Promise<void>;
}

export interface FakeEncoder extends PictureEncoder {
  /** Number of chunks that were encoded. */
  readonly encoded: number;
}

/** Number of encoded chunks that are kept when no slot needs them. */
const mostUnheld = 4;

export function createFakeEncoder({ gate, compute }: FakeEncoderOptions): FakeEncoder {
  /** Ids of the encoded chunks, the oldest first. */
  const embeddings = new Set<string>();
  /** For each chunk that slots need, their number. */
  const held = new Map<string, number>();
  let encoded = 0;

  function count(id: string, change: number): void {
    held.set(id, (held.get(id) ?? 0) + change);
    if (held.get(id) === 0) held.delete(id);
  }

  function forget(): void {
    const unheld = [...embeddings].filter((id) => !held.has(id));
    for (const id of unheld.slice(0, Math.max(0, unheld.length - mostUnheld))) embeddings.delete(id);
  }

  return {
    get encoded() {
      return encoded;
    },
    dividing: false,
    has: ({ id }) => embeddings.has(id),
    async encode(chunk, _picture, { pieces: { signal } }) {
      await Promise.race([
        gate?.(chunk) ?? new Promise<void>((resolve) => setImmediate(resolve)),
        new Promise<void>((_, reject) =>
          signal?.addEventListener("abort", () => reject(signal.reason as Error), { once: true }),
        ),
      ]);
      signal?.throwIfAborted();
      encoded += 1;
      embeddings.add(chunk.id);
      forget();
    },
    setThreads: () => undefined,
    hold: ({ id }) => count(id, 1),
    release({ id }) {
      count(id, -1);
      forget();
    },
    async feed(piece) {
      if (!embeddings.has(piece.chunk.id))
        throw new Error(`Cannot feed on the fake backend: ${piece.chunk.id} is not encoded`);
      await compute(piece);
    },
  };
}

/**
 * Returns the only chunk of a picture.
 * @throws WaggleError invalid_argument when the bytes begin with `broken`
 */
export function fakeChunkOf({ sha256, bytes }: Picture, index: number): PictureChunk {
  if (new TextDecoder().decode(bytes.subarray(0, 6)) === "broken") {
    throw new WaggleError("invalid_argument", `Cannot read picture ${index + 1}: it is broken.`);
  }
  const cells = 4 + (bytes.length % 13);
  // As with M-RoPE, a picture has fewer positions than cells.
  const positions = Math.ceil(cells / 2);
  // The same in every process, because snapshots and expected texts outlive a backend.
  const entry = -1 - Number.parseInt(sha256.slice(0, 12), 16);
  return { id: sha256, entry, picture: index, cells, positions, causal: bytes.length % 2 === 0 };
}
