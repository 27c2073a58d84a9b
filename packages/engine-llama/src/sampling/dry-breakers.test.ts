import type { Token } from "@waggle/engine";
import { expect, test } from "vitest";
import { createDryBreakers, type DryBreakerOptions } from "./dry-breakers.ts";

const pieces = ["a", "\n", "b\n", "\n\n", "\nc", "ab", "b", "é", "x\n\ny", "bc\na b", "—"];

function breakersOf(tokenized: string[] = [], more: Partial<DryBreakerOptions> = {}) {
  const characters = [..."abcdef\n"];
  return createDryBreakers({
    pieces,
    tokenBytes: (token) => new TextEncoder().encode(pieces[token]),
    addsSpace: false,
    tokenize(text) {
      tokenized.push(text);
      return [...text].map((character) => 100 + characters.indexOf(character));
    },
    ...more,
  });
}

const asObject = (found: ReadonlyMap<Token, readonly (readonly Token[])[]>) => Object.fromEntries(found);

test("finds the tokens that contain the breaker", async () => {
  expect(asObject(await breakersOf()(["\n"]))).toEqual({ 1: [[]], 2: [[]], 3: [[]], 4: [[]], 8: [[]], 9: [[]] });
});

test("finds the tokens that end with the breaker's beginning, with the tokens of its rest", async () => {
  expect(asObject(await breakersOf()(["\n\n"]))).toEqual({ 1: [[106]], 2: [[106]], 3: [[]], 8: [[]] });
  expect(asObject(await breakersOf()(["abc"]))).toEqual({ 0: [[101, 102]], 5: [[102]] });
});

test("joins the results of several breakers", async () => {
  expect(asObject(await breakersOf()(["\n", "\n\n", "bc"]))).toMatchObject({
    1: [[], [106]],
    5: [[102]],
    6: [[102]],
    9: [[]],
  });
});

test("finds control tokens by their texts", async () => {
  const find = breakersOf([], { pieces: ["<s>", "a", "<|end|>"], tokenBytes: () => new Uint8Array() });
  expect(asObject(await find(["<|end|>"]))).toEqual({ 2: [[]] });
});

test("ignores the first space of each token if the tokenizer adds one", async () => {
  const spaced = ["a", " a", "  a", "b a"];
  const more = { pieces: spaced, tokenBytes: (token: Token) => Buffer.from(spaced[token] ?? "") };
  expect(asObject(await breakersOf([], more)([" a"]))).toEqual({ 1: [[]], 2: [[]], 3: [[]] });
  expect(asObject(await breakersOf([], { ...more, addsSpace: true })([" a"]))).toEqual({ 2: [[]], 3: [[]] });
});

test("cuts a breaker after 40 bytes, and its rest after 20 tokens", async () => {
  const tokenized: string[] = [];
  const found = await breakersOf(tokenized)([`a${"c".repeat(60)}`]);
  expect(tokenized).toEqual(["c".repeat(39)]);
  expect(found.get(0)).toEqual([Array.from({ length: 20 }, () => 102)]);
});

test("caches the last few sets, and tokenizes each rest once", async () => {
  const tokenized: string[] = [];
  const find = breakersOf(tokenized);
  const first = await find(["\n\n"]);
  expect(await find(["\n\n"])).toBe(first);
  expect(tokenized).toEqual(["\n"]);
  for (const other of ["a", "b", "c", "d"]) await find([other]);
  expect(await find(["\n\n"])).not.toBe(first);
});
