// Shows that code keeps its text in colours, in each language.
import { expect, it } from "vitest";
import { coloursOf, type Piece } from "./code-colours.ts";

async function colour(name: string, code: string): Promise<readonly Piece[]> {
  const lines = (await coloursOf(name))?.(code) ?? expect.fail(name);
  for (;;) {
    const { done, value } = lines.next();
    if (done === true) return value;
  }
}

it("gives each piece of code its colour, also over several lines", async () => {
  const long = "x".repeat(3_000);
  const code = `/* a comment\n1 */ let a = "x";\n\n${long} = 2;\n`;
  const pieces = await colour("js", code);
  expect(pieces.map(({ text }) => text).join("")).toBe(code);
  const coloured = pieces.filter(({ kind }) => kind !== undefined).map(({ text, kind }) => [kind, text]);
  expect(coloured).toEqual([
    ["comment", "/* a comment"],
    ["comment", "1 */"],
    ["keyword", "let"],
    ["name", "a"],
    ["string", '"x"'],
  ]);
});

it("computes one line at each step", async () => {
  const lines = (await coloursOf("js"))?.("a\nb\nc") ?? expect.fail();
  const steps = Array.from({ length: 4 }, () => lines.next().done === true);
  expect(steps).toEqual([false, false, false, true]);
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
  const text =
    '# if (x) { return "a" } // 1 -- <b c="d"> \\e %f\n+ class A = 12;\nfunction: "b"\n@media { color: red }\nFROM a\nfn main() {}';
  expect((await colour(name, text)).some(({ kind }) => kind !== undefined)).toBe(true);
});
