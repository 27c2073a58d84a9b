// Defines the part of the Backend port that reads pictures.
import type { Pieces } from "./pieces.ts";

/** A picture as the client sent it. */
export interface Picture {
  /** SHA-256 of the bytes, hexadecimal. */
  readonly sha256: string;
  /** A PNG, JPEG, WebP or GIF file. */
  readonly bytes: Uint8Array;
}

/** A part of a picture that the model reads as one: most projectors make one chunk of a picture, some cut it into several. */
export interface PictureChunk {
  /** The same only for the same part of the same picture, scaled in the same way, with the same projector. */
  readonly id: string;
  /** The entry of each of the chunk's cells: a negative number, which this backend never gives to another chunk. */
  readonly entry: number;
  /** Index of the picture among the pictures of the work. */
  readonly picture: number;
  /** Number of cells that the chunk takes in a KV cache. */
  readonly cells: number;
  /** Number of positions that the chunk takes. With M-RoPE, these are fewer than the cells. */
  readonly positions: number;
  /** False: the cells see each other, so all of them have to be computed in one pass. */
  readonly causal: boolean;
}

/** Consecutive cells of a chunk, computed in a separate pass: llama.cpp computes tokens or embeddings in a pass, not both. */
export interface PicturePiece {
  readonly slot: number;
  readonly chunk: PictureChunk;
  /** Index of the first cell; 0 unless the chunk is causal. */
  readonly first: number;
  /** Number of cells; all of the chunk's unless it is causal. */
  readonly count: number;
  /** Position of the chunk's first cell. */
  readonly from: number;
}

export interface EncodeOptions {
  /** Threads that compute; `setThreads` changes it. */
  readonly threads: number;
  /** For a picture that is divided again. When their signal aborts, the encoding ends soon and the call rejects with the signal's reason. */
  readonly pieces: Pieces;
}

/** Encodes chunks of pictures to embeddings on a separate thread, while steps continue, and computes embeddings in slots. */
export interface PictureEncoder {
  /** Whether a picture is being decoded or divided, which takes one thread. */
  readonly dividing: boolean;
  /** Whether the embeddings of this chunk are there. */
  has(chunk: PictureChunk): boolean;
  /**
   * Encodes a chunk, and keeps its embeddings until `release`, or until others need the memory. One call at a time.
   * @throws WaggleError invalid_argument when the picture cannot be read
   */
  encode(chunk: PictureChunk, picture: Picture, options: EncodeOptions): Promise<void>;
  /** Changes the threads of the encoding that runs. */
  setThreads(threads: number): void;
  /** Keeps the embeddings of this chunk in memory until `release`. */
  hold(chunk: PictureChunk): void;
  /** A slot needs the embeddings no longer. They are kept as long as there is room. */
  release(chunk: PictureChunk): void;
  /** Computes cells of a chunk whose embeddings are there. Called between steps. A rejection means that the backend is unusable from now on. */
  feed(piece: PicturePiece): Promise<void>;
}
