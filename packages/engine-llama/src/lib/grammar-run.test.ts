import type { Token } from "@waggle/engine";
import { describe, expect, test } from "vitest";
import { parseGbnf } from "./gbnf.ts";
import { BeginningError, createGrammarRun, type GrammarRun } from "./grammar-run.ts";
import { createVocabularyOrder } from "./vocabulary-order.ts";

const encoder = new TextEncoder();

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
  const mark = "\uFDD1";
  const grammar = `root ::= "a" "${mark}" "b"*`;
  const tokenBytes = (token: Token): Uint8Array => encoder.encode(texts[token]);
  const open = async (said?: string): Promise<GrammarRun> => {
    const order = await createVocabularyOrder(texts.length, (token) =>
      token === 0 ? new Uint8Array() : tokenBytes(token),
    );
    const markers = new Map([[0, mark]]);
    const isEndOfGeneration = (): boolean => false;
    const written = said === undefined ? 'root ::= "a<call>" "b"*' : grammar;
    const vocabulary = { order, tokenBytes, markers, isEndOfGeneration, endTokens: [] };
    const run = createGrammarRun(parseGbnf(written), vocabulary, said !== undefined);
    if (said !== undefined) run.say(said);
    return run;
  };
  const allowed = (run: GrammarRun): string[] => texts.filter((_, token) => run.allows(token));

  test("takes a marker for itself, however it is spelled", async () => {
    const run = await open("");
    expect(allowed(run)).toEqual(["a"]);
    run.accept(1);
    expect(allowed(run), "not the same text in ordinary tokens").toEqual(["<call>"]);
    expect(run.candidates()).toEqual([0]);
    run.accept(0);
    expect(allowed(run)).toEqual(["b"]);
  });

  test("lets no bytes spell a mark, nor begin to", async () => {
    const byte = (token: Token): Uint8Array => Uint8Array.of(token);
    const order = await createVocabularyOrder(256, byte);
    const markers = new Map([[300, mark]]);
    const vocabulary = { order, tokenBytes: byte, markers, isEndOfGeneration: () => false, endTokens: [] };
    const run = createGrammarRun(parseGbnf(`root ::= "${mark}" | [\uFDD0-\uFDF1]`), vocabulary, true);
    expect(run.candidates(), "U+FDF0 begins so, too").toEqual([300, 0xef]);
    run.accept(0xef);
    run.accept(0xb7);
    expect(run.candidates(), "U+FDF0 and U+FDF1").toEqual([0xb0, 0xb1]);
    expect(run.allows(0x91)).toBe(false);
  });

  test("goes on where the prompt has begun it", async () => {
    expect(allowed(await open(`a${mark}`))).toEqual(["b"]);
    await expect(open("b")).rejects.toThrow(BeginningError);
  });

  test("a client's own grammar knows markers by their text", async () => {
    const run = await open();
    run.accept(1);
    expect(allowed(run)).toEqual(["<call>", "<"]);
    expect(run.candidates()).toEqual([0, 3]);
  });
});

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
