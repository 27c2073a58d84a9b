// Owns prompts of a known length: words that the model's tokenizer makes one token of each, found by asking, and put in a random order.

export interface PromptMaker {
  /** A prompt of exactly this many tokens, BOS included. The same seed gives the same prompt, another one differs from its first words on. */
  make(tokens: number, seed: number): string;
  /** What `tokens` more tokens look like after a prompt of ours. */
  continuation(tokens: number, seed: number): string;
}

/** Common words, which any vocabulary made from English has, and the shortest of a made-up one. */
const candidates = [
  ...[
    "the",
    "and",
    "was",
    "she",
    "her",
    "they",
    "with",
    "play",
    "day",
    "said",
    "had",
    "big",
    "little",
    "very",
    "happy",
  ],
  ...["dog", "cat", "ball", "tree", "mom", "like", "to", "in", "on", "it", "you", "he", "for", "but", "so"],
  ...[
    "baba",
    "bebo",
    "biba",
    "boba",
    "buba",
    "cabe",
    "cebi",
    "coba",
    "caba",
    "ceba",
    "dabi",
    "debe",
    "fabe",
    "geba",
    "haba",
  ],
];

const repeats = 8;
/** With fewer, prompts that should differ would begin alike. */
const leastWords = 8;

/**
 * @param countTokens the length of a prompt as the server counts it
 * @throws Error when the tokenizer knows too few of our words
 */
export async function calibratePrompts(countTokens: (prompt: string) => Promise<number>): Promise<PromptMaker> {
  const words: string[] = [];
  let base = 0;
  for (const word of candidates) {
    const once = await countTokens(repeated(word, repeats));
    const twice = await countTokens(repeated(word, 2 * repeats));
    if (twice - once !== repeats) continue;
    words.push(word);
    base = once - repeats;
  }
  if (words.length < leastWords) {
    throw new Error(
      `Cannot make prompts of a known length: this tokenizer makes one token of ${words.length} of our words`,
    );
  }
  return {
    make: (tokens, seed) => randomWords(words, tokens - base, seed).join(" "),
    continuation: (tokens, seed) => ` ${randomWords(words, tokens, seed).join(" ")}`,
  };
}

function repeated(word: string, times: number): string {
  return Array.from({ length: times }, () => word).join(" ");
}

function randomWords(words: readonly string[], count: number, seed: number): string[] {
  let state = Math.imul(seed + 1, 0x9e37_79b1) | 1;
  return Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return words[(state >>> 0) % words.length] ?? "";
  });
}
