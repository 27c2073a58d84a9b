import { expect, it } from "vitest";
import { runsOf } from "./ansi-cells.ts";
import { terminalSvg } from "./terminal-svg.ts";

const plain = { bold: false, dim: false, color: undefined };

it("a pane is runs of one look, which goes on over lines until it is taken back", () => {
  const pane = "\u001b[36m> \u001b[39mhi\n\u001b[2m  two\nthree\u001b[0m\n\u001b[1m\u001b[31mred\u001b[22m";
  expect(runsOf(pane)).toEqual([
    [
      { column: 0, text: "> ", look: { ...plain, color: 6 } },
      { column: 2, text: "hi", look: plain },
    ],
    [{ column: 0, text: "  two", look: { ...plain, dim: true } }],
    [{ column: 0, text: "three", look: { ...plain, dim: true } }],
    [{ column: 0, text: "red", look: { bold: true, dim: false, color: 1 } }],
  ]);
});

it("a picture has each run at its column, and nothing that a model says is markup", () => {
  const svg = terminalSvg(runsOf("ab \u001b[32m<b>&\u001b[39m"), { columns: 10, title: "A <chat>" });
  expect(svg).toContain('<text x="18.0" y="57.5" textLength="16.8" lengthAdjust="spacingAndGlyphs">ab</text>');
  expect(svg).toContain('x="43.2"');
  expect(svg).toContain('fill="#98c379">&lt;b&gt;&amp;</text>');
  expect(svg).toContain("<title>A &lt;chat&gt;</title>");
});
