import { expect, test } from "vitest";
import { createTokenBytes, pieceEncoding, type PieceEncoding, type TokenKind } from "./token-bytes.ts";

type Kind = keyof TokenKind | "normal";

function bytesOf(encoding: PieceEncoding, vocabulary: readonly (readonly [piece: string, kind?: Kind])[]): number[][] {
  const tokenBytes = createTokenBytes({
    pieces: vocabulary.map(([piece]) => piece),
    encoding,
    kindOf: (token) => {
      const kind = vocabulary[token]?.[1] ?? "normal";
      return {
        control: kind === "control",
        unknown: kind === "unknown",
        userDefined: kind === "userDefined",
        byte: kind === "byte",
      };
    },
  });
  return vocabulary.map((_, token) => [...tokenBytes(token)]);
}

const utf8 = (text: string): number[] => [...new TextEncoder().encode(text)];

test("U+2581 in a SentencePiece token is a space", () => {
  expect(bytesOf("spaces", [["▁Once"], ["▁▁"], ["a▁b"], ["蜂"]])).toEqual([
    utf8(" Once"),
    utf8("  "),
    utf8("a b"),
    utf8("蜂"),
  ]);
});

test("a byte token has its byte", () => {
  expect(bytesOf("spaces", [["<0xE8>", "byte"], ["<0x0a>", "byte"], ["<0xE8>"]])).toEqual([
    [0xe8],
    [0x0a],
    utf8("<0xE8>"),
  ]);
});

test("control and unknown tokens have no bytes; user-defined tokens have the bytes of their text", () => {
  const vocabulary = [
    ["</s>", "control"],
    ["<unk>", "unknown"],
    ["<think>", "userDefined"],
    ["▁", "userDefined"],
  ] as const;
  expect(bytesOf("spaces", vocabulary)).toEqual([[], [], utf8("<think>"), utf8("▁")]);
});

test("each character of GPT-2's alphabet is a byte, which may be a part of a character", () => {
  expect(bytesOf("bytes", [["Ġworld"], ["Ċ"], ["Ã¼"], ["è"], ["ľĤ"], ["ÿ"], ["Ā"]])).toEqual([
    utf8(" world"),
    [0x0a],
    utf8("ü"),
    [0xe8],
    [0x9c, 0x82],
    [0xff],
    [0x00],
  ]);
});

test("characters outside of GPT-2's alphabet have their UTF-8 bytes", () => {
  expect(bytesOf("bytes", [["蜂"]])).toEqual([utf8("蜂")]);
});

test("a token that does not exist has no bytes", () => {
  const tokenBytes = createTokenBytes({ pieces: ["a"], encoding: "spaces", kindOf: () => ({}) as TokenKind });
  expect(tokenBytes(7)).toEqual(new Uint8Array());
});

test.each<[string, string | undefined, PieceEncoding]>([
  ["llama", "default", "spaces"],
  ["gpt2", "llama-bpe", "bytes"],
  ["gpt2", undefined, "bytes"],
  ["gpt2", "gemma4", "spaces"],
  ["gemma4", undefined, "spaces"],
  ["t5", undefined, "spaces"],
])("the tokenizer %s with pre-tokenizer %s has the encoding %s", (model, pre, encoding) => {
  expect(pieceEncoding(model, pre)).toBe(encoding);
});
