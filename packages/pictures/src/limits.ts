// Owns the limits for pictures that clients send.

export const pictureLimits = {
  /** Maximum number of bytes of a file. */
  fileBytes: 32 << 20,
  /** Maximum number of pixels of a file. Decoding takes up to 20 bytes for each of them, one picture after the other. */
  filePixels: 50_000_000,
  /** Maximum number of pixels of a side. */
  sidePixels: 65_535,
  /** Largest ratio of the sides: models were not trained with thinner pictures, and some preprocessing makes them squares. */
  sideRatio: 200,
  /** Processor time for decoding one picture: a base, and a share for each million pixels of the file. */
  decodeMs: 3_000,
  decodeMsPerMegapixel: 500,
  /** Time limit for decoding one picture by the clock, for a thread that gets little processor time. */
  decodeDeadlineMs: 60_000,
  /** Time limit for the start of the thread. */
  startTimeoutMs: 10_000,
  /** Maximum number of pictures that wait for the thread. */
  waiting: 256,
  /** Maximum number of bytes of the waiting files. */
  waitingBytes: 512 << 20,
  /** Share of both for one client. */
  clientShare: 0.5,
  /** After a picture with more pixels the thread ends, since WebAssembly never gives memory back. */
  keptPixels: 4_000_000,
  /** The thread's memory limit for JavaScript. The number of pixels limits the memory of WebAssembly. */
  threadHeapMiB: 128,
} as const;
