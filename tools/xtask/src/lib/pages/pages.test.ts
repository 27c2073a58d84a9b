// Tests how pages are read and compared, and that every block of README.md and the quickstarts has a mark.
import { readFileSync } from "node:fs";
import { repositoryPath } from "@waggle/testing/harness";
import { describe, expect, it } from "vitest";
import { descendantsOf } from "./kill-families.ts";
import { missingLine } from "./expected.ts";
import { listPages } from "./list-pages.ts";
import { readPage } from "./read-page.ts";

const page = (...lines: readonly string[]): string => lines.join("\n");

describe("readPage", () => {
  it("returns the blocks in order with their marks, without blocks that are only shown", () => {
    const steps = readPage(
      page(
        '<!-- check: page needs="caddy" -->',
        "# A page",
        '<!-- check: background until="ready" -->',
        "",
        "```sh",
        "waggle serve",
        "```",
        "```text",
        "only shown",
        "```",
        "1. <!-- no mark --> Then:",
        "   <!-- check: run -->",
        "   ```sh",
        "   echo a",
        "     b",
        "   ```",
        "<!-- check: stop -->",
      ),
    );
    expect(steps).toMatchObject([
      { kind: "page", line: 1, options: { needs: "caddy" } },
      { kind: "background", line: 6, text: "waggle serve\n", options: { until: "ready" } },
      { kind: "run", line: 14, text: "echo a\n  b\n", language: "sh" },
      { kind: "stop", line: 17 },
    ]);
  });

  it.each([
    ["a block without a mark", page("```sh", "true", "```"), "Line 1: a block of sh needs a mark"],
    ["a mark without a block", page("<!-- check: run -->", "Text."), "Line 1: no block follows"],
    ["two marks", page("<!-- check: run -->", "<!-- check: run -->", "```sh", "```"), "Line 1: no block follows"],
    ["an unknown mark", page("<!-- check: walk -->"), "Line 1: <!-- check: walk --> is not a known mark"],
    ["an unknown option", page('<!-- check: run wihtin="3" -->'), "Line 1: unknown option wihtin"],
    ["a file without a name", page("<!-- check: file -->", "```js", "```"), 'Line 1: a mark "file" needs name="…"'],
    [
      "a start without a command",
      page('<!-- check: background until="ready" -->', "```sh", "waggle serve", "```", "<!-- check: stop -->"),
      "Line 3: no command follows this start",
    ],
    ["a block without an end", page("```text", "open"), "Line 1: this block has no end"],
  ])("refuses %s", (_, text, message) => {
    expect(() => readPage(text)).toThrow(message);
  });
});

describe("missingLine", () => {
  it("finds lines in order, with other lines between them, ignoring blanks and colours", () => {
    const output = "\u001B[32mone\u001B[0m   1.5 s\r\nother\n  two\n";
    expect(missingLine("one … s\n\n…\ntwo\n", output)).toBeUndefined();
    expect(missingLine("two\none …", output)).toBe("one …");
    expect(missingLine("tw", output)).toBe("tw");
    expect([missingLine("one 27 s", output), missingLine("one 27 s", output, true)]).toEqual(["one 27 s", undefined]);
  });
});

describe("descendantsOf", () => {
  it("finds children of children in any order of the table, and no other process", () => {
    expect(descendantsOf([10], "  40   30\n   1    0\n  30   10\n  10    1\n  50    1\n")).toEqual([30, 40]);
  });
});

describe("the pages", () => {
  it.each(listPages().map(({ path }) => path))("%s has a mark for every block", (path) => {
    expect(readPage(readFileSync(repositoryPath(path), "utf8")).length).toBeGreaterThan(0);
  });
});
