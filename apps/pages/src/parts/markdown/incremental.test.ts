// Shows that a growing text gives the same tokens as the whole text, for any pieces, and that a long text is not parsed again for each piece.
import fc from "fast-check";
import type { Token } from "marked";
import { describe, expect, it } from "vitest";
import { createIncrementalMarkdown } from "./incremental.ts";
import { readAll } from "./lexer.ts";

const isShown = ({ type }: Token): boolean => type !== "space" && type !== "def";

/** The visible part of tokens; `raw` of a list's last item depends on the following text. */
function shownOf(tokens: readonly Token[]): unknown {
  return JSON.parse(
    JSON.stringify(tokens.filter(isShown), (key, value: unknown) => (key === "raw" ? undefined : value)),
  );
}

const whole = (text: string): unknown => shownOf(readAll(text));

function readInPieces(pieces: readonly string[]): unknown {
  const markdown = createIncrementalMarkdown();
  let text = "";
  let blocks: readonly { token: Token }[] = [];
  for (const piece of pieces) {
    text += piece;
    blocks = markdown.update(text);
    expect(shownOf(blocks.map(({ token }) => token))).toEqual(whole(text));
  }
  return shownOf(blocks.map(({ token }) => token));
}

/** Parts of blocks, and constructs that extend over blocks. */
const bits = [
  ...'# |- |1. |2) |* |+ |> |```js|```|~~~|    |\t|---|===|***|$$|\\[|\\]|\\(|\\)|$|[|]|]: |[a]|[a]: /x|[b][a]|(|)|![i](|"'.split(
    "|",
  ),
  ...'<div>|</div>|<pre>|</pre>|<!--|-->|<a href="|>|`|**|_|~~|[ ] |[x] |word|two words|a1|:|.|-|\\'.split("|"),
  ...[
    "| a | b |",
    "|---|:-:|",
    "| 1 | 2 |",
    "|",
    "\r\n",
    "\r",
    " ",
    "  ",
    "\n",
    "\n",
    "\n",
    "\n\n",
    "\n\n",
    "\n- b",
    "\n1. b",
    "\n\n  c",
  ],
];
const texts = fc.array(fc.constantFrom(...bits), { maxLength: 40 });
const longList = fc
  .tuple(
    fc.constantFrom("- ", "1. ", "* ", " - ", "- [ ] "),
    fc.array(fc.constantFrom("x", "y\n", "z\n  more", "[a]", "\n  - n")),
  )
  .map(([mark, items]) => [...items, ...items, ..."abcdefgh"].map((item) => `${mark}${item}\n`));
const longTable = fc
  .array(fc.constantFrom("| 1 | 2 |\n", "| [a] |\n", "| `|` | $x$ |\n", "1 | 2 | 3\n"))
  .map((rows) => ["| a | b |\n", "|:-|-:|\n", ...rows, ...rows, ...Array.from({ length: 12 }, () => "| q | r |\n")]);

describe("a text that grows", () => {
  it("always has the tokens of the whole text", () => {
    fc.assert(
      fc.property(texts, (pieces) => void readInPieces(pieces)),
      { numRuns: 300 },
    );
  });

  it("has the tokens of the whole text with a long list or table, too", () => {
    const long = fc.oneof(longList, longTable);
    fc.assert(
      fc.property(texts, long, texts, (before, list, after) => void readInPieces([...before, "\n", ...list, ...after])),
      { numRuns: 20 },
    );
  });
});

/** Parses a text in pieces of ten characters. Returns the most characters read for one piece. */
function mostRead(text: string): number {
  const markdown = createIncrementalMarkdown();
  let most = 0;
  for (let end = 10; end <= text.length; end += 10) {
    markdown.update(text.slice(0, end));
    most = Math.max(most, markdown.charsRead);
  }
  return most;
}

describe("the cost of a piece", () => {
  const section =
    "## Title\n\nA paragraph with **bold** words.\n\n- one\n- two\n\n```js\nlet a = 1;\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n";
  const longItems = "1. an item with some words\n".repeat(600);
  const longRows = `| a | b |\n|---|---|\n${"| a cell | another |\n".repeat(600)}`;

  it.each([
    ["many blocks", section.repeat(150)],
    ["a list", `Here they are:\n${longItems}`],
    ["a loose list", longItems.replaceAll("\n", "\n\n")],
    ["a table", `Here:\n\n${longRows}`],
  ])("does not grow with the text: %s", (_, text) => {
    expect(text.length).toBeGreaterThan(10_000);
    expect(mostRead(text)).toBeLessThan(1_000);
  });

  it("updates earlier blocks when their link is defined", () => {
    const text = `[here][a]\n\n${section.repeat(150)}`;
    const markdown = createIncrementalMarkdown();
    for (let end = 0; end < text.length; end += 200) markdown.update(text.slice(0, end));
    const blocks = markdown.update(`${text}[a]: https://bees.example\n`);
    expect(markdown.charsRead).toBeLessThan(2_000);
    expect(JSON.stringify(blocks[0]?.token)).toContain("https://bees.example");
  });
});

it("keeps the tokens of final blocks", () => {
  const markdown = createIncrementalMarkdown();
  const [first] = markdown.update("one\n\ntwo\n\nthree\n\nfour");
  const [again] = markdown.update("one\n\ntwo\n\nthree\n\nfour and more");
  expect(again?.token).toBe(first?.token);
});

it("parses another text anew", () => {
  const markdown = createIncrementalMarkdown();
  markdown.update("one\n\ntwo\n\nthree");
  expect(shownOf(markdown.update("other").map(({ token }) => token))).toEqual(whole("other"));
});
