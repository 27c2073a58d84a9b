import stringWidth from "string-width";
import { expect, it } from "vitest";
import { createOutput, helpColumns } from "./output.ts";

it("output has colours only on a terminal, and a default width if the width is unknown", () => {
  const stream = { isTTY: true, columns: 100, write: () => true };
  let written = "";
  const colored = createOutput({ ...stream, write: (more) => (written += more) }, true);
  colored.write(colored.style.bold("x"));
  colored.control(colored.style.red("y"));
  expect(written).toBe("\u001b[1mx\u001b[22m\u001b[31my\u001b[39m");
  expect(stringWidth(colored.style.bold("x"))).toBe(1);
  expect(createOutput(stream, false).style.bold("x")).toBe("x");
  expect(createOutput({ write: () => true }, true).style.bold("x")).toBe("x");
  expect(createOutput(stream, true).columns()).toBe(100);
  expect(createOutput({ ...stream, columns: 0 }, true).columns()).toBe(80);
});

it("a help fits the terminal, and has 110 columns elsewhere and in wider ones", () => {
  const widths = [{ isTTY: true, columns: 80 }, { isTTY: true, columns: 200 }, { isTTY: true }, { columns: 80 }];
  expect(widths.map((stream) => helpColumns(stream))).toEqual([80, 110, 80, 110]);
});

it.each([
  ["Cannot find \u001b]52;c;ZXZpbA==\u0007\u001b[2J\u009b31mit.", "Cannot find ]52;c;ZXZpbA==[2J31mit."],
  ["a\rb\bc\u007fd\te\n", "abcd\te\n"],
  ["exe.\u202etxt \u2066x\u2069 \u200f", "exe.txt x "],
  ["\u001b[31mred\u001b[39m \u001b[5mblinks", "[31mred[39m [5mblinks"],
])("a terminal gets no sequence of other programs: %j", (text, shown) => {
  const write = (isTTY: boolean, colors: boolean): string => {
    let written = "";
    createOutput({ isTTY, write: (more) => (written += more) }, colors).write(text);
    return written;
  };
  expect(write(true, true)).toBe(shown);
  expect(write(true, false)).toBe(shown);
  expect(write(false, false)).toBe(text);
});
