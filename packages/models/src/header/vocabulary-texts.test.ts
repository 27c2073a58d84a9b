import { describe, expect, test } from "vitest";
import { madeUpHeader, type MadeUpValue } from "../testing/made-up-header.ts";
import { bytesSource } from "./byte-source.ts";
import { limits } from "./limits.ts";
import { readGgufHeader } from "./read-header.ts";
import { readVocabularyTexts, type VocabularyTexts } from "./vocabulary-texts.ts";

const [normal, unknown, control, userDefined, unused, byte] = [1, 2, 3, 4, 5, 6];
const prefix = "tokenizer.ggml.";

async function textsOf(
  tokens: readonly (readonly [text: string, type: number])[],
  more: Readonly<Record<string, MadeUpValue>> = {},
): Promise<VocabularyTexts> {
  return await textsIn({
    [`${prefix}tokens`]: tokens.map(([text]) => text),
    [`${prefix}token_type`]: int32s(tokens.map(([, type]) => type)),
    ...more,
  });
}

async function textsIn(values: Readonly<Record<string, MadeUpValue>>): Promise<VocabularyTexts> {
  const source = bytesSource(madeUpHeader({ "general.architecture": "llama", ...values }));
  return await readVocabularyTexts(source, await readGgufHeader(source));
}

function int32s(values: readonly number[]): MadeUpValue {
  return { int32s: values };
}

test("a token's type decides whether it is special", async () => {
  const { specialTokens } = await textsOf([
    ["a", normal],
    ["<unk>", unknown],
    ["<s>", control],
    ["<think>", userDefined],
    ["<unused1>", unused],
    ["<0x00>", byte],
  ]);
  expect(specialTokens).toEqual([
    { text: "<unk>", control: true },
    { text: "<s>", control: true },
    { text: "<think>", control: false },
  ]);
});

describe("the texts of some tokens override their types, as in llama.cpp", () => {
  test("the end of an answer is a control token", async () => {
    const { specialTokens } = await textsOf([
      ["<|im_end|>", userDefined],
      ["[e~[", normal],
      ["<end_of_turn>", normal],
      ["<|im_start|>", userDefined],
    ]);
    expect(specialTokens).toEqual([
      { text: "<|im_end|>", control: true },
      { text: "[e~[", control: true },
      { text: "<end_of_turn>", control: true },
      { text: "<|im_start|>", control: false },
    ]);
  });

  test("gpt-oss's markers are not control tokens, nor is its end of a thought", async () => {
    const { specialTokens } = await textsOf(
      ["<|return|>", "<|call|>", "<|end|>", "<|channel|>"].map((text) => [text, control] as const),
    );
    expect(specialTokens.filter((token) => token.control).map(({ text }) => text)).toEqual(["<|return|>", "<|call|>"]);
    const others = await textsOf([["<|end|>", control]]);
    expect(others.specialTokens).toEqual([{ text: "<|end|>", control: true }]);
  });

  test("with Gemma 4's token for a tool's response, </s> is text", async () => {
    const texts = async (...more: string[]): Promise<string[]> =>
      (await textsOf(["</s>", ...more].map((text) => [text, control] as const))).specialTokens.map(({ text }) => text);
    expect(await texts()).toEqual(["</s>"]);
    expect(await texts("<|tool_response>")).toEqual(["<|tool_response>"]);
  });
});

describe("the texts of BOS and EOS", () => {
  const tokens = Array.from({ length: 12 }, (_, index) => [`t${index}`, control] as const);
  test.each([
    ["that the file names", { bos_token_id: 3, eos_token_id: 4 }, "t3", "t4"],
    ["of a Llama tokenizer", { model: "llama" }, "t1", "t2"],
    ["of GPT-2", { model: "gpt2" }, "t11", "t11"],
    ["of ChatGLM, which has no BOS", { model: "gpt2", pre: "glm4" }, "", "t11"],
    ["of T5", { model: "t5" }, "", "t1"],
    ["with a number beyond the vocabulary", { model: "llama", bos_token_id: 99, eos_token_id: 3 }, "t1", "t3"],
    ["of a tokenizer without defaults", { model: "gemma4" }, "", ""],
    ["with a default beyond a short vocabulary", { model: "bert" }, "", ""],
  ])("%s", async (_, named, bosText, eosText) => {
    const keys = Object.entries(named).map(([key, value]) => [prefix + key, value]);
    expect(await textsOf(tokens, Object.fromEntries(keys))).toMatchObject({ bosText, eosText });
  });

  test("are empty unless the tokens are control tokens, or of a type that llama.cpp does not know", async () => {
    const ends = { [`${prefix}bos_token_id`]: 0, [`${prefix}eos_token_id`]: 1 };
    const texts = async (bos: string, bosType: number, eos: string, eosType: number): Promise<string[]> => {
      const { bosText, eosText } = await textsOf(
        [
          [bos, bosType],
          [eos, eosType],
        ],
        ends,
      );
      return [bosText, eosText];
    };
    expect(await texts("a", normal, "b", userDefined)).toEqual(["", ""]);
    expect(await texts("a", unknown, "</s>", normal)).toEqual(["", "</s>"]);
    expect(await texts("a", 0, "b", 99)).toEqual(["a", "b"]);
    expect(await texts("<|start|>", control, "b", control)).toEqual(["", "b"]);
  });
});

test("a file without a vocabulary has no texts, and in a file without token types the texts decide which tokens are special", async () => {
  expect(await textsIn({})).toEqual({ specialTokens: [], bosText: "", eosText: "" });
  const { specialTokens } = await textsIn({ [`${prefix}tokens`]: ["a", "<s>", "<|im_end|>"] });
  expect(specialTokens).toEqual([{ text: "<|im_end|>", control: true }]);
});

test("a wrong number of token types and too many special tokens are rejected", async () => {
  await expect(textsOf([["a", normal]], { [`${prefix}token_type`]: int32s([]) })).rejects.toThrow(
    "0 token types for 1 tokens",
  );
  await expect(textsOf([["a", normal]], { [`${prefix}token_type`]: ["x"] })).rejects.toThrow("1 token types");
  const many = Array.from({ length: limits.specialTokens + 1 }, (_, index) => [`<${index}>`, control] as const);
  await expect(textsOf(many)).rejects.toThrow(`more than ${limits.specialTokens} special tokens`);
});

test("a vocabulary that takes several reads is complete", async () => {
  const filler = "x".repeat(40);
  const tokens = Array.from({ length: 40_000 }, (_, index) => [`${filler}${index}`, normal] as const);
  const { specialTokens, eosText } = await textsOf([...tokens, ["<s>", control], ["</s>", control]], {
    [`${prefix}eos_token_id`]: tokens.length + 1,
  });
  expect(specialTokens.map(({ text }) => text)).toEqual(["<s>", "</s>"]);
  expect(eosText).toBe("</s>");
});
