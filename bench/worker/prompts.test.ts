import { describe, expect, it } from "vitest";
import { bytePrompts, calibratePrompts } from "./prompts.ts";

/** Counts one token for BOS and for each word, but three for "dog" and "cat". */
async function countTokens(prompt: string): Promise<number> {
  return (
    1 +
    prompt
      .trim()
      .split(" ")
      .reduce((count, word) => count + (["dog", "cat"].includes(word) ? 3 : 1), 0)
  );
}

describe("calibratePrompts", () => {
  it("makes prompts with exactly the requested number of tokens", async () => {
    const prompts = await calibratePrompts(countTokens);
    for (const tokens of [2, 32, 1_000]) expect(await countTokens(prompts.make(tokens, tokens))).toBe(tokens);
    const prompt = prompts.make(20, 1);
    expect(await countTokens(prompt + prompts.continuation(7, 2))).toBe(27);
  });

  it("leaves out words that are more than one token at the beginning of a prompt", async () => {
    const longer = ["and", "ball"];
    const count = async (prompt: string): Promise<number> =>
      (await countTokens(prompt)) + Number(longer.some((word) => prompt.startsWith(word)));
    const prompts = await calibratePrompts(count);
    for (let seed = 0; seed < 50; seed++) expect(await count(prompts.make(20, seed))).toBe(20);
  });

  it("makes the same prompt for the same seed, and prompts with different beginnings for different seeds", async () => {
    const prompts = await calibratePrompts(countTokens);
    expect(prompts.make(50, 7)).toBe(prompts.make(50, 7));
    const beginnings = new Set(Array.from({ length: 200 }, (_, seed) => prompts.make(9, seed)));
    expect(beginnings.size).toBe(200);
  });

  it("makes prompts of a number of bytes for a model whose tokens are bytes", () => {
    for (const tokens of [1, 32, 1_900]) expect(Buffer.byteLength(bytePrompts.make(tokens, 3))).toBe(tokens);
    expect(new Set([1, 2, 3].map((seed) => bytePrompts.make(40, seed))).size).toBe(3);
  });

  it("throws when the tokenizer knows too few words", async () => {
    await expect(calibratePrompts(async (prompt) => prompt.length)).rejects.toThrow(/only 0 of our words/);
  });
});
