import fc from "fast-check";
import { expect, test } from "vitest";
import { createStringArgumentReader } from "./string-argument.ts";

function readInPieces(pieces: readonly string[]): { readonly deltas: readonly string[]; readonly text: string } {
  const reader = createStringArgumentReader();
  const deltas = pieces.map((piece) => reader.read(piece));
  return { deltas, text: reader.text };
}

test("the pieces together are the input, wherever the JSON is cut, and no piece ends within a character", () => {
  const inputs = fc.string({ unit: fc.constantFrom("a", '"', "\\", "\n", "u", "d", "8", "é", "🐝", "\u0000") });
  const cuts = fc.array(fc.nat(80), { maxLength: 8 });
  fc.assert(
    fc.property(inputs, cuts, fc.boolean(), (input, at, escaped) => {
      const written = ` { "input" : ${JSON.stringify(input)} }`;
      const json = escaped ? written.replaceAll(/[^\x20-\x7e]/g, unicodeEscape) : written;
      // The texts of tokens are whole characters.
      const characters = [...json];
      const places = [...at, characters.length].sort((a, b) => a - b);
      const pieces = places.map((place, index) => characters.slice(places[index - 1] ?? 0, place).join(""));
      const { deltas, text } = readInPieces(pieces);
      expect(text).toBe(input);
      expect(deltas.join("")).toBe(input);
      for (const delta of deltas) expect(delta).not.toMatch(/\p{Surrogate}/u);
    }),
  );
});

test.each([
  ["from a string without its end", ['{"input": "abc\\', ""], "abc"],
  ["from another argument", ['{"patch": "abc"}'], '{"patch": "abc"}'],
  ["from text that is not JSON", ["abc"], "abc"],
  ["with a raw line break, which JSON does not allow", ['{"input": "a\nb"}'], "a\nb"],
])("the input is read %s", (_, pieces, expected) => {
  expect(readInPieces(pieces).text).toBe(expected);
});

function unicodeEscape(unit: string): string {
  return [...Array(unit.length).keys()].map((i) => `\\u${unit.charCodeAt(i).toString(16).padStart(4, "0")}`).join("");
}
