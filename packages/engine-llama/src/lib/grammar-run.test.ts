import type { Token } from "@waggle/engine";
import { describe, expect, test } from "vitest";
import { parseGbnf } from "./gbnf.ts";
import { createGrammarRun, type GrammarRun } from "./grammar-run.ts";
import { createVocabularyOrder } from "./vocabulary-order.ts";

const encoder = new TextEncoder();

async function runOf(grammar: string, texts: readonly string[]): Promise<GrammarRun> {
  const bytes = texts.map((text) => encoder.encode(text));
  const tokenBytes = (token: Token): Uint8Array => bytes[token] ?? new Uint8Array();
  const order = await createVocabularyOrder(texts.length, tokenBytes);
  return createGrammarRun(parseGbnf(grammar), { order, tokenBytes, isEndOfGeneration: () => false, endTokens: [] });
}

describe("a list of words", () => {
  const words = Array.from({ length: 100 }, (_, i) => `${i % 2 === 0 ? "w" : "蜂"}${i}`);
  const others = Array.from({ length: 20_000 }, (_, i) => `${String.fromCodePoint(0x4e00 + (i % 200))}${i}é`);
  const vocabulary = [...others, ...words];

  test("can be looked for in a whole vocabulary of another script", async () => {
    const run = await runOf(`root ::= ${words.map((word) => `"${word}"`).join(" | ")}`, vocabulary);
    const allowed = vocabulary.filter((_, token) => run.allows(token));
    expect(allowed).toEqual(words);
  });
});
