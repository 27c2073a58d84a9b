import { describe, expect, test } from "vitest";
import { parseGbnf } from "./gbnf.ts";
import { BeginningError, createGrammarRun, type GrammarRun } from "./grammar-run.ts";
import { createVocabularyOrder, type Token } from "./vocabulary-order.ts";

const encoder = new TextEncoder();
const promptMark = "\uFDD0";
const mark = "\uFDD1";

async function runOf(grammar: string, texts: readonly string[]): Promise<GrammarRun> {
  const bytes = texts.map((text) => encoder.encode(text));
  const tokenBytes = (token: Token): Uint8Array => bytes[token] ?? new Uint8Array();
  const order = await createVocabularyOrder(texts.length, tokenBytes);
  const markers = new Map<Token, string>();
  const isEndOfGeneration = (): boolean => false;
  return createGrammarRun(parseGbnf(grammar), { order, tokenBytes, markers, isEndOfGeneration, endTokens: [] });
}

describe("an answer to messages", () => {
  const texts = ["<call>", "a", "b", "<", "call>", "\uFDD1"];
  const grammar = `root ::= "a" "${mark}" "b"*`;
  const tokenBytes = (token: Token): Uint8Array => encoder.encode(texts[token]);
  const open = async (begun?: string): Promise<GrammarRun> => {
    const order = await createVocabularyOrder(texts.length, (token) =>
      token === 0 ? new Uint8Array() : tokenBytes(token),
    );
    const markers = new Map([[0, mark]]);
    const isEndOfGeneration = (): boolean => false;
    const written = begun === undefined ? 'root ::= "a<call>" "b"*' : grammar;
    const vocabulary = { order, tokenBytes, markers, isEndOfGeneration, endTokens: [] };
    const run = createGrammarRun(parseGbnf(written), vocabulary, begun === undefined ? undefined : promptMark);
    if (begun !== undefined) run.acceptText(begun);
    return run;
  };
  const allowed = (run: GrammarRun): string[] => texts.filter((_, token) => run.allows(token));

  test("accepts a marker as its mark, and ignores the marker's text", async () => {
    const run = await open("");
    expect(allowed(run)).toEqual(["a"]);
    run.accept(1);
    expect(allowed(run), "not the same text in ordinary tokens").toEqual(["<call>"]);
    expect(run.candidates().tokens).toEqual([0]);
    run.accept(0);
    expect(allowed(run)).toEqual(["b"]);
  });

  test("allows no bytes that spell a mark or the beginning of a mark", async () => {
    const byte = (token: Token): Uint8Array => Uint8Array.of(token);
    const order = await createVocabularyOrder(256, byte);
    const markers = new Map([[300, mark]]);
    const vocabulary = { order, tokenBytes: byte, markers, isEndOfGeneration: () => false, endTokens: [] };
    const run = createGrammarRun(parseGbnf(`root ::= "${mark}" | [\uFDD0-\uFDF1]`), vocabulary, promptMark);
    expect(run.candidates().tokens, "U+FDF0 has the same first byte").toEqual([300, 0xef]);
    run.accept(0xef);
    run.accept(0xb7);
    expect(run.candidates().tokens, "U+FDF0 and U+FDF1").toEqual([0xb0, 0xb1]);
    expect(run.allows(0x91)).toBe(false);
  });

  test("continues after the part of the answer that is in the prompt", async () => {
    expect(allowed(await open(`a${mark}`))).toEqual(["b"]);
    await expect(open("b")).rejects.toThrow(BeginningError);
  });

  test("matches markers by their text in a client's grammar", async () => {
    const run = await open();
    run.accept(1);
    expect(allowed(run)).toEqual(["<call>", "<"]);
    expect(run.candidates().tokens).toEqual([0, 3]);
  });
});

describe("a list of words", () => {
  const words = Array.from({ length: 100 }, (_, i) => `${i % 2 === 0 ? "w" : "蜂"}${i}`);
  const others = Array.from({ length: 20_000 }, (_, i) => `${String.fromCodePoint(0x4e00 + (i % 200))}${i}é`);
  const vocabulary = [...others, ...words];

  test("is found in a large vocabulary, most of it in another script", async () => {
    const run = await runOf(`root ::= ${words.map((word) => `"${word}"`).join(" | ")}`, vocabulary);
    const allowed = vocabulary.filter((_, token) => run.allows(token));
    expect(allowed).toEqual(words);
    expect(run.candidates()).toEqual({ tokens: expect.arrayContaining([20_000, 20_001]), areAll: true });
  });

  test("is known to be incomplete at the limits of the search", async () => {
    const many = await runOf("root ::= [一-龥]+ .*", vocabulary);
    expect(many.candidates()).toEqual({ tokens: expect.objectContaining({ length: 256 }), areAll: false });
    const ambiguous = await runOf(`root ::= ${"[w0-9]* ".repeat(300)}`, vocabulary);
    expect(ambiguous.candidates().areAll).toBe(false);
    expect(ambiguous.candidates().tokens.length).toBeLessThan(50);
  });
});
