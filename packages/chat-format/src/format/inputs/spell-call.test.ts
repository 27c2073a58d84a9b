import { expect, test } from "vitest";
import { pythonArguments } from "../families/lfm2.ts";
import { type Syntax, blank, choice, literal, optional, sequence } from "../syntax.ts";
import { callSyntaxOf, spellCalls } from "./spell-call.ts";

const calls = [
  { name: "weather", id: "c1", arguments: { city: "Oslo", days: [1, null], deep: { on: true } } },
  { name: "now", id: "c2", arguments: "{}" },
];
const json: Syntax = { kind: "arguments", syntax: { kind: "json" } };
const name: Syntax = { kind: "name", until: [] };

test.each(
  Object.entries<[Syntax, string]>({
    "an object": [
      { kind: "object", name: "name", arguments: "parameters", id: "id" },
      `{"name": "weather", "parameters": {"city": "Oslo", "days": [1, null], "deep": {"on": true}}, "id": "c1"}\n{"name": "now", "parameters": {}, "id": "c2"}`,
    ],
    "an object within another": [
      { kind: "object", name: "n", arguments: "a", within: "function" },
      `{"function": {"n": "weather", "a": {"city": "Oslo", "days": [1, null], "deep": {"on": true}}}}\n{"function": {"n": "now", "a": {}}}`,
    ],
    "a section with all calls": [
      sequence(literal("<all>"), { kind: "repeat", item: sequence(name, json), separator: ";" }, literal("</all>")),
      `<all>weather{"city": "Oslo", "days": [1, null], "deep": {"on": true}};now{}</all>`,
    ],
    tags: [
      sequence(literal("<f="), name, literal(">"), blank("\n"), {
        kind: "arguments",
        syntax: {
          kind: "tags",
          key: { open: "<p=", close: ">" },
          value: { open: "", close: "</p>" },
          lines: true,
          separator: "\n",
        },
      }),
      '<f=weather>\n<p=city>\nOslo\n</p>\n<p=days>\n[1, null]\n</p>\n<p=deep>\n{"on": true}\n</p>\n<f=now>',
    ],
    Python: [
      sequence(name, { kind: "arguments", syntax: pythonArguments }),
      'weather(city="Oslo", days=[1, None], deep={"on": True})\nnow()',
    ],
    "an id with the name, and optional parts": [
      sequence({ kind: "id", until: [], name: { open: "functions.", close: ":" } }, optional(literal("!")), json),
      `functions.weather:0!{"city": "Oslo", "days": [1, null], "deep": {"on": true}}\nfunctions.now:1!{}`,
    ],
    "the first choice with a call": [choice(literal("none"), sequence(name, literal("()"))), "weather()\nnow()"],
  }),
)("writes calls as %s", (_, [syntax, expected]) => {
  expect(spellCalls(syntax, calls)).toBe(expected);
});

test("prefers a call with a marker, and rejects syntax that it cannot write", () => {
  const bare: Syntax = { kind: "object", name: "name", arguments: "arguments" };
  const tagged = sequence(literal("<c>"), bare);
  expect(
    callSyntaxOf([
      { at: "start", syntax: bare },
      { at: "anywhere", syntax: tagged },
    ]),
  ).toBe(tagged);
  expect(callSyntaxOf([{ at: "start", syntax: bare }])).toBe(bare);
  expect(callSyntaxOf([{ at: "anywhere", syntax: literal("<c>") }])).toBeUndefined();
  const elements: Syntax = { kind: "arguments", syntax: { kind: "elements", before: "", item: "item" } };
  expect(callSyntaxOf([{ at: "anywhere", syntax: sequence(literal("<c>"), name, elements) }])).toBeUndefined();
});

test("keeps the spelling of numbers in the arguments' text", () => {
  const text = '{"a": 1.0, "b": [12345678901234567890, "1.0"], "c": "2.0"}';
  const tags = { key: { open: "<", close: "=" }, value: { open: "", close: ">" }, lines: false, separator: "" };
  const spelled = (syntax: Syntax, given = text): string | undefined =>
    spellCalls(sequence(name, syntax), [{ name: "f", id: "", arguments: given }]);
  expect(spelled({ kind: "arguments", syntax: pythonArguments })).toBe(
    'f(a=1.0, b=[12345678901234567890, "1.0"], c="2.0")',
  );
  const tagged: Syntax = { kind: "arguments", syntax: { kind: "tags", ...tags } };
  expect(spelled(tagged)).toBe('f<a=1.0><b=[12345678901234567890, "1.0"]><c=2.0>');
  expect(spelled(tagged, '{"a": "\uFFFF1.0"}')).toBe("f<a=\uFFFD1.0>");
  expect(spelled(tagged, String.raw`{"a": "\uFFFF1.0"}`)).toBe("f<a=\uFFFD1.0>");
  expect(spelled(tagged, '{"a": 1.0.0}')).toBeUndefined();
});
