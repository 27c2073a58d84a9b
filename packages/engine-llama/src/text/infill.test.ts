import { expect, test } from "vitest";
import type { InfillMarkers } from "@waggle/models/header";
import { infillTokens } from "./infill.ts";

const markers: InfillMarkers = { prefix: 1, suffix: 2, middle: 3, repository: 4, file: 5 };
const { repository: _, file: __, ...bare } = markers;

/** A tokenizer with a token for each character. */
const tokenize = async (text: string): Promise<number[]> => [...text].map((character) => character.charCodeAt(0));

const fit = { markers, contextSize: 800, maxCharsPerToken: 1, tokenize };
const hole = { prefix: "before", suffix: "after", extra: [], prompt: "" };

/** Text of tokens, with markers as numbers in braces. */
const shown = (tokens: readonly number[]): string =>
  tokens.map((token) => (token < 9 ? `{${token}}` : String.fromCharCode(token))).join("");

test("the text before the hole comes first, then the text after it, then the marker of the answer", async () => {
  const tokens = await infillTokens(hole, { ...fit, markers: bare });
  expect(shown(tokens)).toBe("{1}before{2}after{3}");
});

test("the request's prompt is put at the end of the text before the hole", async () => {
  const tokens = await infillTokens({ ...hole, prompt: "!" }, { ...fit, markers: bare });
  expect(shown(tokens)).toBe("{1}before!{2}after{3}");
});

test("other files are put before the code, each after its name", async () => {
  const extra = [
    { filename: "a.c", text: "A;" },
    { filename: "b.c", text: "B;" },
  ];
  const tokens = await infillTokens({ ...hole, extra }, fit);
  expect(shown(tokens)).toBe("{4}myproject\n{5}a.c\nA;{5}b.c\nB;{5}filename\n{1}before{2}after{3}");
});

test("without a marker for files, a line separates them", async () => {
  const tokens = await infillTokens({ ...hole, extra: [{ filename: "a.c", text: "A;" }] }, { ...fit, markers: bare });
  expect(shown(tokens)).toBe("\n\n--- snippet ---\n\nA;{1}before{2}after{3}");
});

test("text that does not fit is left out: code far from the hole, and the first other files", async () => {
  const long = "0123456789".repeat(100);
  const extra = [
    { filename: "a.c", text: "gone" },
    { filename: "b.c", text: long },
  ];
  const tokens = await infillTokens({ prefix: `${long}<`, suffix: `>${long}`, extra, prompt: "" }, fit);
  const text = shown(tokens);
  // Half of the context is for the text near the hole, and three quarters of this half for the text before it. A quarter is for the answer.
  const [, others = "", before = "", after = ""] = /^(.*)\{1\}(.*)\{2\}(.*)\{3\}$/su.exec(text) ?? [];
  expect(before).toHaveLength(300);
  expect(before.endsWith("9<")).toBe(true);
  expect(after).toHaveLength(98);
  expect(after.startsWith(">0")).toBe(true);
  expect(others.endsWith("789{5}filename\n")).toBe(true);
  expect(others).not.toContain("gone");
  expect(tokens.length).toBeLessThanOrEqual(600 + 3);
});

test("the text nearest to the hole stays, also if tokens are much shorter than the longest token", async () => {
  const text = Array.from({ length: 1_000 }, (_, i) => String.fromCharCode(1_000 + i)).join("");
  const around = { prefix: text, suffix: text, extra: [], prompt: "" };
  const tokens = await infillTokens(around, { ...fit, markers: bare, maxCharsPerToken: 64 });
  const [middle, end] = [tokens.indexOf(2), tokens.indexOf(3)];
  expect(tokens.slice(1, middle)).toEqual(Array.from({ length: 300 }, (_, i) => 1_700 + i));
  expect(tokens.slice(middle + 1, end)).toEqual(Array.from({ length: 98 }, (_, i) => 1_000 + i));
});

test("the request's prompt shortens the text after the hole", async () => {
  const around = { prefix: "", suffix: "s".repeat(500), extra: [], prompt: "p".repeat(40) };
  const text = shown(await infillTokens(around, { ...fit, markers: bare }));
  expect(text).toBe(`{1}${"p".repeat(40)}{2}${"s".repeat(100 - 2 - 40)}{3}`);
});

test("only the part of a long text that may be needed is tokenized", async () => {
  const lengths: number[] = [];
  const counting = async (text: string): Promise<number[]> => {
    lengths.push(text.length);
    return await tokenize(text);
  };
  const long = "x".repeat(1_000_000);
  const extra = [{ filename: "a.c", text: long }];
  await infillTokens({ prefix: long, suffix: long, extra, prompt: long }, { ...fit, tokenize: counting });
  expect(Math.max(...lengths)).toBeLessThanOrEqual(fit.contextSize);
});
