// Tests the special tokens around texts and in pairs, with the vocabularies of several model families.
import { LlamaVocabularyType, type LlamaModel } from "node-llama-cpp";
import { describe, expect, test } from "vitest";
import { createEmbedTokenizer, type EmbedTokenizer } from "./embed-tokens.ts";

const [bos, eos, sep] = [1_001, 1_002, 1_003];

interface Family {
  readonly type: LlamaVocabularyType;
  readonly special: object;
  readonly ggml?: object;
  readonly rankTemplate?: string;
}

/** A tokenizer with a token for each character; "#" is the text of a control token. */
function tokenizerOf({ type, special, ggml = {}, rankTemplate }: Family): EmbedTokenizer {
  const model = {
    vocabularyType: type,
    tokens: special,
    fileInfo: { metadata: { tokenizer: { ggml: { tokens: { length: 2_000 }, ...ggml } } } },
  } as unknown as LlamaModel;
  const tokenize = (text: string, specialTokens: boolean): Promise<number[]> =>
    Promise.resolve(
      [...text].map((character) => (specialTokens && character === "#" ? eos : (character.codePointAt(0) ?? 0))),
    );
  return createEmbedTokenizer({ model, tokenize, maxTokens: 12, rankTemplate });
}

const textOf = (tokens: readonly number[]): string =>
  tokens.map((token) => ({ [bos]: "<", [eos]: ">", [sep]: "|" })[token] ?? String.fromCodePoint(token)).join("");

const bert = {
  type: LlamaVocabularyType.wpm,
  special: { bos, eos: null, sep, shouldPrependBosToken: true, shouldAppendEosToken: false },
};
const xlmRoberta = {
  type: LlamaVocabularyType.ugm,
  special: { bos, eos, sep: eos, shouldPrependBosToken: true, shouldAppendEosToken: true },
};
const modernBert = { ...xlmRoberta, type: LlamaVocabularyType.bpe };
const qwen = {
  type: LlamaVocabularyType.bpe,
  special: { bos: null, eos, sep: null, shouldPrependBosToken: false, shouldAppendEosToken: true },
};
const pair = { query: "q", document: "d" };

describe("the tokens of a text and a pair", () => {
  test.each<[name: string, family: Family, text: string, pair: string]>([
    ["BERT", bert, "<a|", "<q|d|"],
    ["XLM-RoBERTa", xlmRoberta, "<a>", "<q>>d>"],
    ["ModernBERT", modernBert, "<a>", "<q>d>"],
    ["a file that turns the separator off", { ...xlmRoberta, ggml: { add_sep_token: false } }, "<a>", "<q>d>"],
    ["Qwen3, whose file has a template", { ...qwen, rankTemplate: "Q:{query} D:{document}#" }, "a>", "Q:q D:d>"],
    ["a template with the document first", { ...qwen, rankTemplate: "{document}? {query}" }, "a>", "d? q"],
  ])("are in the order of %s", async (_, family, text, both) => {
    const tokenize = tokenizerOf(family);
    expect([textOf(await tokenize("a")), textOf(await tokenize(pair))]).toEqual([text, both]);
  });

  test("have no control tokens from the texts", async () => {
    const tokenize = tokenizerOf({ ...qwen, rankTemplate: "{query}{document}#" });
    expect(textOf(await tokenize({ query: "#", document: "#" }))).toBe("##>");
  });
});

test("a template that lacks {query} or {document} is not used", async () => {
  const tokenize = tokenizerOf({ ...qwen, rankTemplate: "{document} is it" });
  expect(textOf(await tokenize(pair))).toBe("q>d>");
});

test("a text is cut only if a length is requested, and never to more than the limit", async () => {
  const tokenize = tokenizerOf(bert);
  expect(textOf(await tokenize("abcdefghijklmnop"))).toHaveLength(18);
  expect(textOf(await tokenize("abcdefghijklmnop", 1_000))).toBe("<abcdefghij|");
  expect(textOf(await tokenize("abcdefghijklmnop", 5))).toBe("<abc|");
  expect(await tokenize([5, 6, 7], 2)).toEqual([5, 6]);
  expect(textOf(await tokenize({ query: "abc", document: "defghijklm" }, 9))).toBe("<abc|def|");
  for (const query of ["abcdefghijklm", "x".repeat(100_000)]) {
    await expect(tokenize({ query, document: "d" }, 1_000)).rejects.toMatchObject({
      code: "invalid_argument",
      details: { n_prompt_tokens: expect.toSatisfy((count) => count > 12) as number, n_ctx: 12 },
    });
  }
});
