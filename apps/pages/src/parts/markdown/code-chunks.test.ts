// Shows that code in pieces gets the same colours as the whole text, and that final lines are coloured once.
import { expect, it } from "vitest";
import { createCodeChunks, type Chunk, type Colours } from "./code-chunks.ts";
import { coloursOf } from "./code-colours.ts";

const source = Array.from({ length: 300 }, (_, i) =>
  i % 50 === 0 ? `/* a comment\n${i} */` : `let a${i} = "x";`,
).join("\n");

async function javascript(): Promise<Colours> {
  const colours = await coloursOf("js");
  if (colours === undefined) throw new Error("There are no colours for js");
  return colours;
}

/** Each character with its colour. */
function colourings(chunks: readonly Chunk[]): string[] {
  return chunks.flatMap(({ text, pieces = [{ text, kind: undefined }] }) =>
    pieces.flatMap((piece) => [...piece.text].filter((c) => c !== "\n").map((c) => `${c} ${piece.kind}`)),
  );
}

it("gives code in pieces the same colours as the whole text", async () => {
  const colours = await javascript();
  const grown = createCodeChunks(colours);
  for (let end = 0; end < source.length; end += 7) grown.update(source.slice(0, end));
  const atOnce = createCodeChunks(colours);
  atOnce.update(source);
  while (atOnce.colourNext());
  const all = colourings(atOnce.update(source));
  expect(colourings(grown.update(source))).toEqual(all);
  expect(all).toEqual(colourings([{ text: source, pieces: colours.lines(source, colours.begin()).pieces }]));
  expect(new Set(all.map((one) => one.slice(2)))).toContain("comment");
  expect(
    atOnce
      .update(source)
      .map(({ text }) => text)
      .join(""),
  ).toBe(source);
});

it("colours a line again only while it is in the last chunk", async () => {
  const colours = await javascript();
  let lines = 0;
  const counting: Colours = {
    begin: () => colours.begin(),
    lines(text, before) {
      lines = Math.max(lines, text.split("\n").length);
      return colours.lines(text, before);
    },
  };
  const chunks = createCodeChunks(counting);
  let before: readonly Chunk[] = [];
  for (let end = 0; end < source.length; end += 50) {
    const now = chunks.update(source.slice(0, end));
    for (const [i, chunk] of before.slice(0, -1).entries()) expect(now[i]).toBe(chunk);
    before = now;
  }
  expect(before.length).toBeGreaterThan(3);
  expect(lines).toBeLessThanOrEqual(65);
});

it("removes lines that turn out to be the end of the block", async () => {
  const chunks = createCodeChunks(await javascript());
  const lines = Array.from({ length: 64 }, () => "a").join("\n");
  chunks.update(`${lines}\n\`\``);
  chunks.update(`${lines}\nb`);
  expect(
    chunks
      .update(lines)
      .map(({ text }) => text)
      .join(""),
  ).toBe(lines);
});

it("code in an unknown language has no colours, even if the language has the name of an object's property", async () => {
  expect(await coloursOf("klingon")).toBeUndefined();
  expect(await coloursOf("constructor")).toBeUndefined();
});

it.each(
  "js jsx ts tsx json py bash c cpp java cs kt scala dart html xml css scss sql go rs rb swift yaml toml ini diff dockerfile lua perl ps1 r jl hs clj groovy tex nginx proto".split(
    " ",
  ),
)("has colours for %s", async (name) => {
  const colours = await coloursOf(name);
  const text =
    '# if (x) { return "a" } // 1 -- <b c="d"> \\e %f\n+ class A = 12;\nfunction: "b"\n@media { color: red }\nFROM a\nfn main() {}';
  const kinds = colours?.lines(text, colours.begin()).pieces.map(({ kind }) => kind) ?? [];
  expect(kinds.some((kind) => kind !== undefined)).toBe(true);
});
