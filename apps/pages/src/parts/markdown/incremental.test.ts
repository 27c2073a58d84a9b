// Shows that a growing text gives the same tokens as the whole text, for any pieces, and that a long text is not parsed again for each piece.
import fc from "fast-check";
import { Lexer, type Token } from "marked";
import { expect, it, vi } from "vitest";
import { createIncrementalMarkdown } from "./incremental.ts";
import { readBlocks, withLineFeeds } from "./lexer.ts";

const isShown = ({ type }: Token): boolean => type !== "space" && type !== "def";

/** The visible part of tokens; `raw` of a list's last item depends on the following text. */
function shownOf(tokens: readonly Token[]): unknown {
  return JSON.parse(
    JSON.stringify(tokens.filter(isShown), (key, value: unknown) => (key === "raw" ? undefined : value)),
  );
}

const whole = (text: string): unknown => shownOf(readBlocks(withLineFeeds(text)));

function readInPieces(pieces: readonly string[]): unknown {
  const parse = createIncrementalMarkdown();
  let text = "";
  let blocks: readonly Token[] = [];
  for (const piece of pieces) {
    text += piece;
    blocks = parse(text);
    expect(shownOf(blocks)).toEqual(whole(text));
  }
  return shownOf(blocks);
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

it("a text that grows always has the tokens of the whole text, also with a long list or table", () => {
  // A long one takes ten times as long.
  const long = fc.oneof({ weight: 8, arbitrary: fc.constant([]) }, longList, longTable);
  fc.assert(
    fc.property(texts, long, texts, (before, list, after) => void readInPieces([...before, "\n", ...list, ...after])),
  );
});

const section =
  "## Title\n\nA paragraph with **bold** words.\n\n- one\n- two\n\n```js\nlet a = 1;\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |\n\n";

it("does not parse final blocks again", () => {
  const text = section.repeat(150);
  const parse = createIncrementalMarkdown();
  const blockTokens = vi.spyOn(Lexer.prototype, "blockTokens");
  for (let end = 10; end <= text.length; end += 10) parse(text.slice(0, end));
  expect(text.length).toBeGreaterThan(10_000);
  expect(Math.max(...blockTokens.mock.calls.map(([src]) => src.length))).toBeLessThan(1_000);
});

it("updates earlier blocks when their link is defined", () => {
  const text = `[here][a]\n\n${section.repeat(3)}`;
  const parse = createIncrementalMarkdown();
  parse(text);
  const [block] = parse(`${text}[a]: https://bees.example\n`);
  expect(JSON.stringify(block)).toContain("https://bees.example");
});

it("keeps the tokens of final blocks", () => {
  const parse = createIncrementalMarkdown();
  const [first] = parse("one\n\ntwo\n\nthree\n\nfour");
  const [again] = parse("one\n\ntwo\n\nthree\n\nfour and more");
  expect(again).toBe(first);
});

it.each([
  ["items of a list", "items", "- one\n- two\n- thr"],
  ["rows of a table", "rows", "| a |\n|---|\n| one |\n| two |\n| thr"],
])("keeps the tokens of the first %s", (_, parts, text) => {
  const parse = createIncrementalMarkdown();
  const partsOf = (source: string): readonly unknown[] => {
    const token = parse(source)[0] as unknown as Readonly<Record<string, readonly unknown[]>>;
    return token[parts] ?? [];
  };
  const before = partsOf(text);
  const after = partsOf(`${text}ee`);
  expect(after).toHaveLength(3);
  expect(after.map((part, i) => part === before[i])).toEqual([true, true, false]);
});

it("parses another text anew", () => {
  const parse = createIncrementalMarkdown();
  parse("one\n\ntwo\n\nthree");
  expect(shownOf(parse("other"))).toEqual(whole("other"));
});
