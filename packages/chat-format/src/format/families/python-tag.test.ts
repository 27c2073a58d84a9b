import { describe, expect, it } from "vitest";
import { genericAnswer } from "../derive/generic.ts";
import { markText, withMarks } from "../marks.ts";
import { familyFormat } from "../../testing/family-examples.ts";
import { readAnswer } from "../../testing/read-answer.ts";
import { pythonTag } from "./python-tag.ts";

const tools = [{ name: "python" }, { name: "brave_search" }];
const format = familyFormat({ ...pythonTag, answer: [...pythonTag.answer, ...genericAnswer] });
const marked = withMarks(format, (text) => text === "<|python_tag|>");

describe("the text after <|python_tag|>", () => {
  it.each([
    ["code", "python", 'a = "1"\n', String.raw`{"code": "a = \"1\"\n"}`],
    ["a JSON object", "python", '{"type": "function", "name": "python", "parameters": {"code": "1"}}', '{"code": "1"}'],
    ["a trained tool's call", "brave_search", 'brave_search.call(query="a b")', '{"query": "a b"}'],
  ])("is %s", (_, name, text, json) => {
    for (const each of [format, marked]) {
      const pieces = [...markText(`<|python_tag|>${text}`, each.marks)];
      expect(readAnswer(each, pieces, { tools }).parts).toEqual([
        { kind: "call", index: 0, name },
        { kind: "arguments", index: 0, text: json },
      ]);
    }
  });

  it("is content if no tool takes code", () => {
    const { parts } = readAnswer(marked, ["\uFDD1print(1)"], { tools: [{ name: "now" }] });
    expect(parts).toEqual([{ kind: "content", text: "<|python_tag|>print(1)" }]);
  });
});
