// Tests `tojson` against a second implementation of Python's rules: spaces after commas and colons, floats that stay floats, few escapes.
import fc from "fast-check";
import { expect, test } from "vitest";
import { compileTemplate } from "../compiled-template.ts";
import { jsonText } from "./input.ts";

const now = (): Date => new Date(0);
const toJson = compileTemplate("{{ value | tojson }}");
const render = (value: unknown): string => toJson.render({ value }, { now });

/** JSON in Python's form. Integers and texts have JavaScript's form. */
function python(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (typeof value === "object" && value !== null) {
    return `{${Object.entries(value)
      .map(([key, item]) => `${python(key)}: ${python(item)}`)
      .join(", ")}}`;
  }
  return JSON.stringify(value);
}

const integers = fc.maxSafeInteger().map((value) => (value === 0 ? 0 : value));
const texts = fc.string({ unit: "grapheme" });
const { value: values } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(null, true, false),
    integers,
    texts,
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(texts, tie("value"), { maxKeys: 4 }),
  ),
}));

test("any value without fractions has Python's form", () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(render(value)).toBe(python(value));
    }),
  );
});

test("a value as JSON text has the same form", () => {
  fc.assert(
    fc.property(values, (value) => {
      expect(render(jsonText(JSON.stringify(value)))).toBe(python(value));
    }),
  );
});

test("a float keeps its value and never looks like an integer", () => {
  // toExponential loses the sign of zero; the next test covers zero.
  const floats = fc.double({ noNaN: true, noDefaultInfinity: true }).filter((value) => value !== 0);
  fc.assert(
    fc.property(floats, (value) => {
      const text = render(jsonText(value.toExponential()));
      expect(Number(text)).toBe(value);
      expect(text).toMatch(/^-?\d+(\.\d+|(\.\d+)?e[-+]\d\d+)$/);
    }),
  );
});

test("numbers keep their type and value", () => {
  const text = "[1, 1.0, -0.0, 1e5, 1E400, 0.1, 12345678901234567890, 1e-7, 123456789.0, 1e16]";
  expect(render(jsonText(text))).toBe(
    "[1, 1.0, -0.0, 100000.0, Infinity, 0.1, 12345678901234567890, 1e-07, 123456789.0, 1e+16]",
  );
  expect(render([1.5, 1e21, 2 ** 53])).toBe("[1.5, 1000000000000000000000, 9007199254740992]");
});

test("marks in callers' texts are kept", () => {
  const marked = "\u{fdd0}a\u{fdd0}";
  expect(render({ [marked]: [marked] })).toBe(`{"${marked}": ["${marked}"]}`);
  const source =
    "{{ text }}{{ [text] }}{{ text ~ 1 }}{{ text | upper | trim }}{{ '%s' % text }}{{ '{}'.format(text) }}{{ {text: 1} | string }}";
  const expected = `${marked}['${marked}']${marked}1\u{fdd0}A\u{fdd0}${marked}${marked}{'${marked}': 1}`;
  expect(compileTemplate(source).render({ text: marked }, { now })).toBe(expected);
});

test("an invalid JSON text is rejected", () => {
  for (const text of ["{", "[1 2]", "nope", "", '{"a" 1}'])
    expect(() => render(jsonText(text))).toThrow("is not valid JSON");
});
