import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createAnswerParser } from "./answer-parts.ts";
import type { AnswerPart, AnswerParserOptions } from "./answer-parts.ts";

/** The parts with neighbours of a kind joined: how the text was cut must not matter. */
function parse(pieces: readonly string[], options: Partial<AnswerParserOptions> = {}): AnswerPart[] {
  const parser = createAnswerParser({ toolNames: ["weather", "time"], forced: false, ...options });
  const joined: AnswerPart[] = [];
  for (const part of [...pieces.flatMap((piece) => parser.push(piece)), ...parser.end()]) {
    const last = joined.at(-1);
    if (last !== undefined && part.kind !== "call" && last.kind === part.kind) {
      joined[joined.length - 1] = { ...last, text: last.text + part.text } as AnswerPart;
    } else joined.push(part);
  }
  return joined;
}

const cases: [string, string, Partial<AnswerParserOptions>, AnswerPart[]][] = [
  ["plain text", "Hello, you.", {}, [{ kind: "content", text: "Hello, you." }]],
  [
    "thoughts before the answer",
    "<think>\nHm, <b>.</think>\n\nYes.",
    {},
    [
      { kind: "reasoning", text: "Hm, <b>." },
      { kind: "content", text: "Yes." },
    ],
  ],
  ["a thought that never ends", "<think>on and on", {}, [{ kind: "reasoning", text: "on and on" }]],
  [
    "text, then two tagged calls",
    'Let me look.\n<tool_call>\n{"name": "weather", "arguments": {"city": "a}\\"b"}}\n</tool_call>\n<tool_call>{"name":"time","arguments":{}}</tool_call>',
    {},
    [
      { kind: "content", text: "Let me look.\n" },
      { kind: "call", index: 0, name: "weather" },
      { kind: "arguments", index: 0, text: '{"city": "a}\\"b"}' },
      { kind: "call", index: 1, name: "time" },
      { kind: "arguments", index: 1, text: "{}" },
    ],
  ],
  [
    "a bare call with parameters",
    '{"name": "time", "parameters": {"zone": [1, {"x": "]"}]}}',
    {},
    [
      { kind: "call", index: 0, name: "time" },
      { kind: "arguments", index: 0, text: '{"zone": [1, {"x": "]"}]}' },
    ],
  ],
  [
    "JSON that calls nobody",
    '{"name": "Lily", "arguments": 1}',
    {},
    [{ kind: "content", text: '{"name": "Lily", "arguments": 1}' }],
  ],
  ["a tag that calls nobody", "<tool_call>nothing", {}, [{ kind: "content", text: "<tool_call>nothing" }]],
  ["tags without tools", "a <tool_call> b", { toolNames: [] }, [{ kind: "content", text: "a <tool_call> b" }]],
  [
    "forced calls in an array",
    '[{"name":"time","arguments":{"a":1}}, {"name":"weather","arguments":{"b":"x"}}]',
    { forced: true },
    [
      { kind: "call", index: 0, name: "time" },
      { kind: "arguments", index: 0, text: '{"a":1}' },
      { kind: "call", index: 1, name: "weather" },
      { kind: "arguments", index: 1, text: '{"b":"x"}' },
    ],
  ],
];

describe("an answer's parts", () => {
  it.each(cases)("%s", (_, text, options, expected) => {
    expect(parse([text], options)).toEqual(expected);
  });

  it.each(cases)("%s, however it is cut", (_, text, options, expected) => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 60 }), (lengths) => {
        const pieces: string[] = [];
        for (let at = 0, i = 0; at < text.length; i += 1) {
          const length = lengths[i % lengths.length] ?? 1;
          pieces.push(text.slice(at, at + length));
          at += length;
        }
        expect(parse(pieces, options)).toEqual(expected);
      }),
      { numRuns: 100 },
    );
  });

  it("holds nothing back that cannot become a tag", () => {
    const parser = createAnswerParser({ toolNames: ["time"], forced: false });
    expect(parser.push("The ")).toEqual([{ kind: "content", text: "The " }]);
    expect(parser.push("dog <to")).toEqual([{ kind: "content", text: "dog " }]);
    expect(parser.push("y>")).toEqual([{ kind: "content", text: "<toy>" }]);
  });

  it.each([
    ["at its beginning", "", {}],
    ["before a call's arguments", '{"name": "time", "arguments":', {}],
    ["after a forced call", '{"name":"time","arguments":{}}', { forced: true }],
    ["after a tagged call", '<tool_call>{"name":"time","arguments":{}}', {}],
  ] as const)("takes blanks without end %s, none of them twice", (_, before, options) => {
    const parser = createAnswerParser({ toolNames: ["time"], forced: false, ...options });
    parser.push(before);
    const blanks = " ".repeat(64);
    const startedAt = performance.now();
    let taken = 0;
    while (taken < 40_000 && performance.now() - startedAt < 2_000) {
      parser.push(blanks);
      taken += 1;
    }
    // Looking at all of them each time takes minutes.
    expect(taken).toBe(40_000);
  });
});
