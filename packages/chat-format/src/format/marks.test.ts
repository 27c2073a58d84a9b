import { describe, expect, it } from "vitest";
import { readAnswer } from "../testing/read-answer.ts";
import { tagged } from "../testing/syntaxes.ts";
import { answerStart } from "./answer.ts";
import { markersOf, maxMarks, withMarks } from "./marks.ts";

const format = { ...tagged, markers: markersOf(tagged.answer) };
const marked = withMarks(format, (text) =>
  text === "<think>" ? "user" : text === "</think>" || text === "<tool_call>",
);
const [open, close, call] = ["<think>", "</think>", "<tool_call>"].map(
  (text) => marked.marks.find((mark) => mark.text === text)?.mark ?? "",
) as [string, string, string];

describe("markers that are tokens", () => {
  it("are found in the syntax", () => {
    expect(format.markers).toEqual(["<think>", "</think>", "<tool_call>", "</tool_call>"]);
  });

  it("end a part, unlike the same text in ordinary tokens", () => {
    expect(readAnswer(marked, [`${open}a </think> b${close}c`]).parts).toEqual([
      { kind: "reasoning", text: "a </think> b" },
      { kind: "content", text: "c" },
    ]);
    expect(readAnswer(marked, [`${call}{"name":"time","arguments":{}}</tool_call>`]).calls.complete).toBe(1);
  });

  it("have no text if they are not part of the syntax, unless they are user-defined tokens", () => {
    expect(readAnswer(marked, [`a${close}b${open}c`]).parts).toEqual([{ kind: "content", text: "ab<think>c" }]);
  });

  it("become text if a call could not be read", () => {
    expect(readAnswer(marked, [`${call}nothing`]).parts).toEqual([{ kind: "content", text: "<tool_call>nothing" }]);
  });

  it("are read in the beginning of the answer that the prompt contains", () => {
    expect(readAnswer(marked, [`a${close}b`], { start: { said: "<think>\n" } }).parts).toEqual([
      { kind: "reasoning", text: "a" },
      { kind: "content", text: "b" },
    ]);
  });

  it("are at most 31; further markers stay text", () => {
    const many = { ...format, markers: Array.from({ length: 40 }, (_, i) => `<m${String(i)}>`) };
    const { marks } = withMarks(many, () => true);
    expect(marks).toHaveLength(maxMarks);
    expect(
      marks
        .map(({ mark }) => mark)
        .toSorted()
        .at(-1),
    ).toBe("\uFDEF");
  });
});

describe("where an answer starts", () => {
  const turnOpens = ["<|assistant|>", "[/RESULTS]"];

  it.each([
    ["<|user|>Hi<|assistant|>", ""],
    ["<|user|>Hi<|assistant|><think>\n", "<think>\n"],
    ["<|assistant|>a<|user|>Hi<|assistant|></think>", "</think>"],
    ["<|assistant|>call[RESULTS]1[/RESULTS]", ""],
    ["no turn at all", ""],
  ])("the answer's beginning in the prompt %j is %j", (prompt, said) => {
    expect(answerStart({ turnOpens }, prompt)).toEqual({ said });
  });
});
