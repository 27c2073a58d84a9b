// Owns the limits for pictures that clients send.

export const pictureLimits = {
  /** Most bytes of a file. */
  fileBytes: 32 << 20,
  /** Most pixels of a file. A decoder needs up to 20 bytes for each, before the picture is scaled down. */
  filePixels: 50_000_000,
  /** Most pixels of a side. */
  sidePixels: 65_535,
} as const;
