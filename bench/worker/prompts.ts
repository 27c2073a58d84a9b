// Makes prompts of a known length: words in a random order. The server's token counts show which words are a single token.
import { createRandom } from "@waggle/testing/harness";

export interface PromptMaker {
  /** A prompt of exactly this many tokens, BOS included. The same seed gives the same prompt; another seed gives other first words. */
  make(tokens: number, seed: number): string;
  /** A text that adds exactly `tokens` tokens after such a prompt. */
  continuation(tokens: number, seed: number): string;
}

/** Common words, which any vocabulary made from English has. */
const english =
  "the and was she her they with play day said had big little very happy dog cat ball tree mom like to in on it you he for but so";
const repeats = 8;
/** With fewer words, prompts of different seeds would begin alike. */
const leastWords = 8;

/**
 * @param countTokens the length of a prompt as the server counts it
 * @throws Error when the tokenizer knows too few of our words
 */
export async function calibratePrompts(countTokens: (prompt: string) => Promise<number>): Promise<PromptMaker> {
  const found: { readonly word: string; readonly base: number }[] = [];
  const repeated = (word: string, count: number): string => Array<string>(count).fill(word).join(" ");
  for (const word of english.split(" ")) {
    const once = await countTokens(repeated(word, repeats));
    const twice = await countTokens(repeated(word, 2 * repeats));
    if (twice - once === repeats) found.push({ word, base: once - repeats });
  }
  // In some vocabularies, a word is one token only after a space. Such a word has a larger base, and cannot begin a prompt.
  const base = Math.min(...found.map((each) => each.base));
  const words = found.filter((each) => each.base === base).map(({ word }) => word);
  if (words.length < leastWords) {
    throw new Error(
      `Cannot make prompts of a known length: only ${words.length} of our words are a single token for this model`,
    );
  }
  const randomWords = (count: number, seed: number): string => {
    const random = createRandom(seed);
    return Array.from({ length: count }, () => random.pick(words)).join(" ");
  };
  return {
    make: (tokens, seed) => randomWords(tokens - base, seed),
    continuation: (tokens, seed) => ` ${randomWords(tokens, seed)}`,
  };
}
