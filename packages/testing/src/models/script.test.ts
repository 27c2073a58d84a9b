// Tests the tokens of scripts.
import { expect, it } from "vitest";
import { createScriptTokenizer } from "./script.ts";

const markers = new Map([
  ["<a>", 256],
  ["<a>b", 257],
  ["｜é｜", 258],
]);
const tokenize = createScriptTokenizer({ markers });

it("takes the longest marker at each position, and bytes for the rest", () => {
  expect(tokenize("x<a>b<a><a")).toEqual([0x78, 257, 256, 0x3c, 0x61]);
  expect(tokenize("é｜é｜🐝")).toEqual([0xc3, 0xa9, 258, 0xf0, 0x9f, 0x90, 0x9d]);
});

it("writes a text in bytes even if it contains a marker, and a token as itself", () => {
  expect(tokenize([{ text: "<a>" }, { token: "<a>" }, { text: "" }])).toEqual([0x3c, 0x61, 0x3e, 256]);
});

it("names an unknown marker", () => {
  expect(() => tokenize([{ token: "<b>" }])).toThrow("Cannot say <b>: the model has no such marker");
});
