// Tests the tokens of scripts and their positions.
import { describe, expect, it } from "vitest";
import { createScriptTokenizer, tokensByPlace, type Answer } from "./script.ts";

const markers = new Map([
  ["<a>", 256],
  ["<a>b", 257],
  ["｜é｜", 258],
]);
const tokenize = createScriptTokenizer({ markers });

describe("createScriptTokenizer", () => {
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
});

describe("tokensByPlace", () => {
  const place = (...answers: Answer[]): number[] => tokensByPlace(answers, { context: 8, end: 9, tokenize });

  it("puts an answer's first token after the last position of its prompt", () => {
    expect(place({ at: 2, say: "ab" })).toEqual([9, 0x61, 0x62, 9, 9, 9, 9, 9]);
  });

  it("takes several answers in any order, with an end between them", () => {
    expect(place({ at: 5, say: "cd" }, { at: 2, say: "ab" })).toEqual([9, 0x61, 0x62, 9, 0x63, 0x64, 9, 9]);
  });

  it("fills the context to its last position", () => {
    expect(place({ at: 1, say: "abcdefg" }).at(-1)).toBe(9);
    expect(place({ at: 8, say: "" })).toEqual(place());
  });

  it.each([
    [[{ at: 0, say: "a" }], "Cannot say anything at 0: the first free place is 1"],
    [[{ at: 1.5, say: "a" }], "Cannot say anything at 1.5"],
    [[{ at: 1, say: "abcdefgh" }], "Cannot say 8 tokens at 1: the context ends at 8"],
    [
      [
        { at: 2, say: "ab" },
        { at: 4, say: "c" },
      ],
      "Cannot say anything at 4: the first free place is 5",
    ],
  ])("refuses %j", (answers, message) => {
    expect(() => place(...answers)).toThrow(message);
  });
});
