import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cut, readAnswer, weatherTools } from "../testing/read-answer.ts";
import { examples, named, tagged, tags } from "../testing/syntaxes.ts";
import { createReader } from "./reader.ts";

describe("parts of an answer", () => {
  it.each(examples)("$name", ({ format, text, parts }) => {
    expect(readAnswer(format, [text]).parts).toEqual(parts);
  });

  it.each(examples)("$name, in pieces of any length", ({ format, text }) => {
    const whole = readAnswer(format, [text]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 }), (lengths) => {
        expect(readAnswer(format, cut(text, lengths))).toEqual(whole);
      }),
    );
  });

  it("are the same for random markers in pieces of any length, and lose only markers and white space", () => {
    const piece = fc.constantFrom(
      ...[
        "<think>",
        "</think>",
        "<tool_call>",
        "</tool_call>",
        '{"name": "time", "arguments": ',
        '{"name": "',
        "{}",
        "}",
      ],
      ...["[TOOL_CALLS]", "[ARGS]", "time", "<function=weather>", "<parameter=city>", "</parameter>", "</function>"],
      ...["\n", " ", '"', "\\", "a<", "word"],
    );
    const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(
        fc.array(piece, { maxLength: 24 }),
        cuts,
        fc.constantFrom(tagged, named, tags),
        (heap, lengths, format) => {
          const text = heap.join("");
          const whole = readAnswer(format, [text]);
          expect(readAnswer(format, cut(text, lengths))).toEqual(whole);
          const words = whole.parts.map((part) => ("text" in part ? part.text : "")).join("");
          if (whole.calls.begun === 0) expect(words.split("word")).toHaveLength(text.split("word").length);
        },
      ),
    );
  });

  it("are content and thoughts if there are no tools", () => {
    const text = '<think>a</think><tool_call>{"name": "time", "arguments": {}}</tool_call>';
    expect(readAnswer(tagged, [text], { tools: [] }).parts).toEqual([
      { kind: "reasoning", text: "a" },
      { kind: "content", text: text.slice(16) },
    ]);
  });

  it("begin after the part of the answer in the prompt", () => {
    expect(readAnswer(tagged, ["Hm.</think>Yes."], { start: { said: "<think>\n" } }).parts).toEqual([
      { kind: "reasoning", text: "Hm." },
      { kind: "content", text: "Yes." },
    ]);
    expect(readAnswer(tagged, ["Yes."], { start: { said: "<think>\n\n</think>\n\n" } }).parts).toEqual([
      { kind: "content", text: "Yes." },
    ]);
  });
});

describe("reading", () => {
  it("holds back only a possible beginning of a marker", () => {
    const reader = createReader({ format: tagged, tools: weatherTools });
    expect(reader.push("The")).toEqual([{ kind: "content", text: "The" }]);
    expect(reader.push(" dog <to")).toEqual([{ kind: "content", text: " dog" }]);
    expect(reader.push("y>")).toEqual([{ kind: "content", text: " <toy>" }]);
  });

  it("reports the part to which the next text belongs", () => {
    const reader = createReader({ format: tagged, tools: weatherTools });
    const places = [
      "",
      "<think>",
      "a",
      "</think>",
      '<tool_call>{"name":"time","arguments":{',
      "}}</tool_call>",
      "b",
    ].map((text) => {
      reader.push(text);
      return reader.in;
    });
    expect(places).toEqual(["start", "reasoning", "reasoning", "start", "call", "start", "content"]);
  });

  it("passes on each piece of the arguments", () => {
    const reader = createReader({ format: tags, tools: weatherTools });
    reader.push("<function=weather>\n<parameter=city>\n");
    expect(reader.push("Par")).toEqual([{ kind: "arguments", index: 0, text: "Par" }]);
    expect(reader.push('is "\n')).toEqual([{ kind: "arguments", index: 0, text: String.raw`is \"` }]);
    expect(reader.push("x")).toEqual([{ kind: "arguments", index: 0, text: String.raw`\nx` }]);
  });

  it("counts the calls that have begun, are complete, or cannot be read", () => {
    const text =
      '<tool_call>no</tool_call><tool_call>{"name":"time" no}</tool_call><tool_call>{"name":"time","arguments":{}}</tool_call><tool_call>{"name":"time","arguments":{';
    expect(readAnswer(tagged, [text]).calls).toEqual({ begun: 2, complete: 1, unreadable: 1 });
  });

  it.each([
    ["blanks at the beginning", tagged, "", " ".repeat(64)],
    ["blanks before a call's arguments", tagged, '<tool_call>{"name": "time", "arguments":', " ".repeat(64)],
    ["openings that open nothing", tagged, "", "<tool_call>{"],
    ["arguments before the name", tagged, '<tool_call>{"arguments": "', "x".repeat(16)],
    ["a long value", tags, "<function=weather><parameter=note>", "<".repeat(16)],
    ["a thought", tagged, "<think>", "word </ "],
  ] as const)("%s without end take linear time", { timeout: 60_000 }, (_, format, before, piece) => {
    const reader = createReader({ format, tools: weatherTools });
    reader.push(before);
    // Quadratic time would take minutes.
    for (let taken = 0; taken < 40_000; taken += 1) reader.push(piece);
  });
});
