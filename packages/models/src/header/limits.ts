// Owns the limits of a header. Real headers have a few dozen keys, a few thousand tensors, up to 300,000 tokens, and up to 20 MB.

export const limits = {
  /** Limit of the GGUF specification. */
  keyBytes: 65_535,
  keys: 65_536,
  /** llama.cpp accepts names of up to 63 bytes. */
  tensorNameBytes: 255,
  tensors: 262_144,
  dimensions: 4,
  stringBytes: 1 << 26,
  arrayLength: 1 << 24,
  headerBytes: 1 << 29,
  /** Bytes of all keys, strings and short arrays together: they stay in memory. */
  keptBytes: 1 << 27,
  /** Elements of longer arrays are skipped. Arrays with a value for each layer are shorter, vocabularies are longer. */
  keptArrayLength: 1_024,
  /** Special tokens of a vocabulary. Real vocabularies have up to 7,000. */
  specialTokens: 65_536,
  /** Bytes of all special tokens' texts together. */
  specialTextBytes: 1 << 22,
  parts: 1_000,
} as const;
