import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type Cursor, createCursor, feed } from "../cursor.ts";
import { gemmaArguments } from "../families/gemma-4.ts";
import { pythonArguments } from "../families/lfm2.ts";
import type { ValueArguments } from "../syntax.ts";
import { maxValueDepth, maxWordChars, readValues } from "./values.ts";

interface Read {
  readonly json: string;
  readonly whole: boolean | undefined;
  readonly cursor: Cursor;
}

function readPieces(syntax: ValueArguments, pieces: Iterable<string>, schema?: unknown, mayEnd = true): Read {
  const cursor = createCursor();
  let json = "";
  const reading = readValues(cursor, syntax, { say: (text) => (json += text), spell: (text) => text, schema });
  let next = reading.next();
  for (const piece of pieces) {
    if (next.done === true) break;
    feed(cursor, piece);
    next = reading.next();
  }
  if (mayEnd && next.done !== true) {
    cursor.ended = true;
    next = reading.next();
  }
  return { json, whole: next.done === true ? next.value : undefined, cursor };
}

const json = (syntax: ValueArguments, text: string, schema?: unknown): unknown => {
  const read = readPieces(syntax, [text], schema);
  expect(read.whole).toBe(true);
  return JSON.parse(read.json);
};

/** A value as the family writes it. */
function written(syntax: ValueArguments, value: unknown): string {
  const { quotes, words, separator, colon, quotedKeys } = syntax;
  const text = (one: string): string => {
    const [quote] = quotes;
    const body = quote?.escapes === true ? JSON.stringify(one).slice(1, -1) : one;
    return (quote?.text ?? "") + body + (quote?.text ?? "");
  };
  if (typeof value === "string") return text(value);
  if (value === null || typeof value === "boolean") return words[String(value) as "null" | "true" | "false"];
  if (Array.isArray(value)) return `[${value.map((one) => written(syntax, one)).join(separator)}]`;
  if (typeof value !== "object") return JSON.stringify(value);
  const members = Object.entries(value as Record<string, unknown>);
  const key = (name: string): string => (quotedKeys ? text(name) : name);
  return `{${members.map(([name, one]) => key(name) + colon + written(syntax, one)).join(separator)}}`;
}

/** Names of members that every plain object inherits. A lookup with such a name must find nothing. */
const inheritedNames = ["constructor", "toString", "__proto__", "hasOwnProperty"];

function writtenArguments(syntax: ValueArguments, values: Readonly<Record<string, unknown>>): string {
  const members = Object.entries(values).map(([name, one]) => name + syntax.assign + written(syntax, one));
  return syntax.open + members.join(syntax.separator) + syntax.close;
}

/** Cuts the text into pieces of these lengths, and no character in half. */
function cut(text: string, sizes: readonly number[]): string[] {
  const pieces: string[] = [];
  const all = [...text];
  for (let at = 0, i = 0; at < all.length; i += 1) {
    const size = sizes[i % sizes.length] ?? 1;
    pieces.push(all.slice(at, at + size).join(""));
    at += size;
  }
  return pieces;
}

const name = fc.stringMatching(/^[a-z]\w{0,8}$/);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small" },
    ...[fc.string(), fc.string({ unit: "grapheme" }), fc.constantFrom("it's", 'a"b', "\\", "x, y=1", "')", "<|a|>")],
    ...[fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean(), fc.constant(null)],
    fc.array(tie("value"), { maxLength: 4 }),
    fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true }),
  ),
}));
const values = fc.dictionary(name, value, { maxKeys: 5, noNullPrototype: true });
const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });

describe.each([
  ["as Python writes them", pythonArguments],
  ["as Gemma writes them", gemmaArguments],
] as const)("values %s", (_, syntax) => {
  it("become the same values in JSON, in pieces of any length", () => {
    fc.assert(
      fc.property(values, lengths, (given, cuts) => {
        const text = writtenArguments(syntax, given);
        const pieces = cut(`${text}]`, cuts);
        const whole = readPieces(syntax, [`${text}]`]);
        expect(whole.whole).toBe(true);
        expect(JSON.parse(whole.json)).toEqual(JSON.parse(JSON.stringify(given)));
        expect(readPieces(syntax, pieces)).toMatchObject({ json: whole.json, whole: true });
      }),
    );
  });

  it("that are incomplete become the beginning of the same JSON", () => {
    fc.assert(
      fc.property(values, fc.nat(), (given, at) => {
        const text = [...writtenArguments(syntax, given)];
        const part = readPieces(syntax, [text.slice(0, at % text.length).join("")], undefined, false);
        expect(readPieces(syntax, [...text, "]"]).json.startsWith(part.json)).toBe(true);
      }),
    );
  });

  it("in a random order of tokens cause no exception, and give the same result in pieces of any length", () => {
    const piece = fc.constantFrom(
      ...["(", ")", "{", "}", "[", "]", ",", ":", "=", "a", "1", "'", '"', '<|"|>', "\\", "\n", " "],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), lengths, (heap, cuts) => {
        const text = syntax.open + heap.join("");
        const { json: told, whole } = readPieces(syntax, [text]);
        expect(readPieces(syntax, cut(text, cuts))).toMatchObject({ json: told, whole });
        if (whole === true) expect(() => JSON.parse(told) as unknown).not.toThrow();
      }),
    );
  });

  it.each([
    ["a text", `a${syntax.assign}"`, "'it, x=", 20_000],
    ["blanks", "", " ".repeat(16), 20_000],
    ["empty lists", `a${syntax.assign}[`, "[],", 20_000],
    ["commas", "", ",", 20_000],
  ])("take linear time for %s without end", { timeout: 60_000 }, (_name, before, more, count) => {
    let fed = 0;
    function* pieces(): Generator<string> {
      yield syntax.open + before;
      for (; fed < count; fed += 1) yield more;
    }
    readPieces(syntax, pieces());
    expect(fed).toBe(count);
  });
});

describe("values", () => {
  it.each(inheritedNames)("has the word %s as a string", (word) => {
    expect(json(pythonArguments, `(a=${word})`)).toEqual({ a: word });
    expect(json(pythonArguments, `(a=[${word}])`)).toEqual({ a: [word] });
  });

  it("get their types from the schema if they are not quoted, also inside of objects and arrays", () => {
    const schema = {
      properties: {
        zip: { type: "string" },
        size: { type: ["number", "string"] },
        place: { properties: { zip: { type: "string" } } },
        codes: { items: { type: "string" } },
      },
    };
    expect(json(pythonArguments, "(zip=75001, size=5, place={'zip': 75001}, codes=[1, None])", schema)).toEqual({
      zip: "75001",
      size: 5,
      place: { zip: "75001" },
      codes: ["1", "None"],
    });
    expect(json(gemmaArguments, "{zip:Rue 5 (east),size:5}", schema)).toEqual({ zip: "Rue 5 (east)", size: 5 });
  });

  it.each([
    ["1_000", 1000],
    [".5", 0.5],
    ["+3", 3],
    ["0x1f", 31],
    ["-0.0", -0],
    ["nan", "nan"],
    ["date(2024)", "date(2024"],
  ])("%s is %j", (text, expected) => {
    const read = readPieces(pythonArguments, [`(a=${text})`]);
    expect(JSON.parse(read.json)).toEqual({ a: expected });
  });

  it("stop at syntax that is not understood, and report a failure", () => {
    expect(readPieces(pythonArguments, ["(a=1, ]"])).toMatchObject({ json: '{"a": 1, ', whole: false });
    expect(readPieces(pythonArguments, ["a=1)"])).toMatchObject({ json: "", whole: false });
  });

  it("are limited in their depth, and in the length of words", () => {
    const nested = (depth: number): string => `(a=${"[".repeat(depth)}${"]".repeat(depth)})`;
    expect(readPieces(pythonArguments, [nested(maxValueDepth - 1)]).whole).toBe(true);
    expect(readPieces(pythonArguments, [nested(maxValueDepth)]).whole).toBe(false);
    expect(readPieces(pythonArguments, [`(a=${"1".repeat(maxWordChars + 1)})`]).whole).toBe(false);
    expect(readPieces(pythonArguments, [`(${"a".repeat(maxWordChars + 1)}=1)`]).whole).toBe(false);
  });

  it("pass on each piece of a text at once", () => {
    const cursor = createCursor();
    const told: string[] = [];
    const target = { say: (text: string) => told.push(text), spell: (text: string) => text, schema: undefined };
    const reading = readValues(cursor, pythonArguments, target);
    for (const piece of ['(a="on', "e \\", "n two", '"', ")]"]) {
      feed(cursor, piece);
      reading.next();
    }
    expect(told).toEqual(["{", '"a": ', '"', "on", "e ", String.raw`\n`, " two", '"', "}"]);
  });
});
