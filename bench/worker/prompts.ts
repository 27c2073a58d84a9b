// Makes prompts of a known length: words in a random order. The server's token counts show which words are a single token.
import { createRandom } from "@waggle/testing/harness";

export interface PromptMaker {
  /** A prompt of exactly this many tokens, BOS included. The same seed gives the same prompt; another seed gives other first words. */
  make(tokens: number, seed: number): string;
  /** A text that adds exactly `tokens` tokens after such a prompt. */
  continuation(tokens: number, seed: number): string;
}

/** Prompts for a scripted model, whose tokens are bytes. */
export const bytePrompts: PromptMaker = { make: bytesOf, continuation: bytesOf };

function bytesOf(tokens: number, seed: number): string {
  const random = createRandom(seed);
  const words = english.split(" ");
  return Array.from({ length: tokens }, () => random.pick(words))
    .join(" ")
    .slice(0, tokens);
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
  /** `base`: tokens of a prompt beyond one for each word, if it begins with this word. Some words are one token only after a space. */
  const words: { readonly word: string; readonly base: number }[] = [];
  const repeated = (word: string, count: number): string => Array<string>(count).fill(word).join(" ");
  for (const word of english.split(" ")) {
    const once = await countTokens(repeated(word, repeats));
    const twice = await countTokens(repeated(word, 2 * repeats));
    if (twice - once === repeats) words.push({ word, base: once - repeats });
  }
  if (words.length < leastWords) {
    throw new Error(
      `Cannot make prompts of a known length: only ${words.length} of our words are a single token for this model`,
    );
  }
  return {
    make(tokens, seed) {
      const random = createRandom(seed);
      const { word, base } = random.pick(words);
      return [word, ...Array.from({ length: tokens - base - 1 }, () => random.pick(words).word)].join(" ");
    },
    continuation(tokens, seed) {
      const random = createRandom(seed);
      return Array.from({ length: tokens }, () => ` ${random.pick(words).word}`).join("");
    },
  };
}
