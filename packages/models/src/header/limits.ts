// Owns what a header may hold. Real ones have a few dozen keys, a few thousand tensors, up to 300,000 words, and take up to 20 MB.

export const limits = {
  /** Of a key, as the format's specification has it. */
  keyBytes: 65_535,
  keys: 65_536,
  /** llama.cpp takes names of 63 bytes. */
  tensorNameBytes: 255,
  tensors: 262_144,
  dimensions: 4,
  stringBytes: 1 << 26,
  arrayLength: 1 << 24,
  /** Of the whole header. */
  headerBytes: 1 << 29,
  /** Of all keys, strings and short arrays together, which stay in memory. */
  keptBytes: 1 << 27,
  /** Longer arrays are passed over, but for their length. Settings of each layer are shorter, vocabularies longer. */
  keptArrayLength: 1_024,
  /** Tokens with a meaning other than text, and all of their texts together. Real vocabularies have up to 7,000. */
  specialTokens: 65_536,
  specialTextBytes: 1 << 22,
  parts: 1_000,
} as const;
