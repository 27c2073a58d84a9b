import { createPace } from "@waggle/async";
import { freePieces } from "@waggle/engine";
import { afterAll, beforeAll, describe, expect, inject, test } from "vitest";
import { getLlama, type Llama, type LlamaModel, type Token as LlamaToken } from "node-llama-cpp";
import { storyModel } from "../testing/story-model.ts";
import { findCutPlaces, type Tokenize } from "./cut-places.ts";
import { createTokenizer } from "./tokenizer.ts";
import { readVocabulary } from "./vocabulary.ts";

const { pace: free } = freePieces;

/** Seed of the random texts; failed tests show it. */
const seed = inject("seed");
let state = seed >>> 0;
function random(below: number): number {
  state = (Math.imul(state ^ (state >>> 15), state | 1) + 0x6d2b79f5) >>> 0;
  return Math.floor((state / 2 ** 32) * below);
}

const words = [
  "a",
  "bee",
  "Once",
  "x1",
  "don't",
  "Grüße",
  "蜂",
  "🐝",
  "<s>",
  "</s>",
  "<|user|>",
  "  ",
  "\n",
  "\t",
  ".",
  "-",
  "▁",
];
function randomText(chars: number): string {
  let text = "";
  while (text.length < chars) text += words[random(words.length)] + (random(4) === 0 ? "" : " ");
  return text;
}

describe("the embedded model's texts", () => {
  let llama: Llama;
  let model: LlamaModel;
  let tokenize: Tokenize;
  beforeAll(async () => {
    llama = await getLlama({ gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: 1 });
    model = await llama.loadModel({ modelPath: storyModel });
    tokenize = (text, specialTokens) => model.tokenize(text, specialTokens);
  });
  afterAll(() => llama.dispose());

  function cutsOf() {
    const { pieces, encoding, specialTokens } = readVocabulary(model);
    return findCutPlaces(tokenize, { pieces, encoding, specialTexts: specialTokens.map(({ text }) => text) });
  }

  test("have the same tokens in pieces as in a whole", async () => {
    const tokenizer = createTokenizer(tokenize, cutsOf());
    for (let i = 0; i < 12; i++) {
      const text = randomText(random(40_000));
      for (const special of [false, true]) {
        const inPieces = await tokenizer.tokenize(text, special, free);
        expect(inPieces.length, `seed ${seed}`).toBeGreaterThan(0);
        // With `toEqual`, a failure would take minutes to show the difference of two long lists.
        expect(inPieces.join(" ") === tokenize(text, special).join(" "), `seed ${seed}, text ${i}`).toBe(true);
      }
    }
  });

  test("have the same tokens if they are cut at any place that the pattern matches", () => {
    const { pattern, addsSpace } = cutsOf();
    expect(addsSpace).toBe(true);
    const text = randomText(2_000);
    for (const match of text.matchAll(pattern ?? /$/g)) {
      const at = match.index + match[0].search(/[ \n]/);
      const cut = [...tokenize(text.slice(0, at), false), ...tokenize(text.slice(at + 1), false)];
      expect(cut, `seed ${seed}, at ${at}`).toEqual(tokenize(text, false));
    }
  });

  test("without a place to cut are cut anyway, without losing text", async () => {
    const tokenizer = createTokenizer(tokenize, cutsOf());
    const text = "🐝蜂x".repeat(40_000);
    const tokens = await tokenizer.tokenize(text, false, free);
    expect(model.detokenize(tokens as LlamaToken[]).trimStart() === text).toBe(true);
  });

  test("without a place to cut have no control tokens in any piece", async () => {
    const tokenizer = createTokenizer(tokenize, cutsOf());
    const tokens = await tokenizer.tokenize("</s>".repeat(20_000), false, free);
    expect(tokens.filter((token) => model.isEogToken(token as LlamaToken))).toHaveLength(0);
  });

  test.each([
    ["words", "bee and a ".repeat(400_000)],
    ["one word", "b".repeat(1_000_000)],
    ["control tokens", "</s>".repeat(200_000)],
  ])("of some megabytes do not block the event loop: %s", async (_, text) => {
    let [chars, most] = [0, 0];
    const counted: Tokenize = (piece, special) => {
      most = Math.max(most, (chars += piece.length));
      return tokenize(piece, special);
    };
    const tokenizer = createTokenizer(counted, cutsOf());
    const tick = (): void => {
      chars = 0;
      timer = setImmediate(tick);
    };
    let timer = setImmediate(tick);
    await tokenizer.tokenize(text, false, createPace(8_192));
    clearImmediate(timer);
    // The longest piece, and as much work as the pace allows before a turn. This takes 10 ms for words, and 50 ms for text without words.
    expect(most).toBeLessThanOrEqual(16_384 + 8_192);
  });
});

/** Imitates byte-level BPE: an expression splits the text into words, and the longest pieces are taken within each word. */
function tokenizeByPairs(pieces: readonly string[]): Tokenize {
  return (text) => {
    const tokens: number[] = [];
    for (const [word] of text.matchAll(/ ?\p{L}+| ?[^\s\p{L}]+|\s+(?!\S)|\s+/gu)) {
      let at = 0;
      while (at < word.length) {
        let length = Math.min(6, word.length - at);
        while (length > 1 && !pieces.includes(word.slice(at, at + length))) length--;
        tokens.push(pieces.indexOf(word.slice(at, at + length)));
        at += length;
      }
    }
    return tokens;
  };
}

const alphabet = [..." \nabcdeé.!"];
const bytePieces = (pieces: readonly string[]): string[] =>
  pieces.map((piece) => piece.replaceAll(" ", "\u0120").replaceAll("\n", "\u010a"));

test("a text of a byte-level BPE vocabulary is cut before its spaces and newlines", async () => {
  const pieces = [...alphabet, " a", " ab", "bc", " de", "\n\n", ".\n", "  "];
  const tokenize = tokenizeByPairs(pieces);
  const cuts = findCutPlaces(tokenize, { pieces: bytePieces(pieces), encoding: "bytes", specialTexts: ["<s>"] });
  expect(cuts).toMatchObject({ addsSpace: false, pattern: /\p{L}[ \n]\p{L}/gu });
  const tokenizer = createTokenizer(tokenize, cuts);
  for (let i = 0; i < 5; i++) {
    let text = "";
    while (text.length < 30_000) text += alphabet[random(alphabet.length)] ?? "";
    expect((await tokenizer.tokenize(text, false, free)).join() === tokenize(text, false).join(), `seed ${seed}`).toBe(
      true,
    );
  }
});

test.each<[what: string, extra: string[], specialTexts: string[], pattern: RegExp | undefined]>([
  ["a token that contains a letter and a space", ["a b"], [], /\p{L}[\n]\p{L}/gu],
  ["tokens that contain a letter and a space or newline", ["e a", "a\nb"], [], undefined],
  ["a control token with a space in it", [], ["<|a b|>"], undefined],
  ["a control token that is a word", [], ["bee"], undefined],
])("a vocabulary with %s is not cut there", (_, extra, specialTexts, pattern) => {
  const pieces = [...alphabet, " a", ...extra];
  const tokenize = tokenizeByPairs([...alphabet, " a"]);
  const cuts = findCutPlaces(tokenize, { pieces: bytePieces(pieces), encoding: "bytes", specialTexts });
  expect(cuts.pattern).toEqual(pattern);
});
