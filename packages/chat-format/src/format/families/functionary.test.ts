import { expect, it } from "vitest";
import { content, familyFormat, testFamily, toolCall } from "../../testing/family-examples.ts";
import { readAnswer } from "../../testing/read-answer.ts";
import { functionary32 } from "./functionary.ts";

testFamily(functionary32, [], {
  "an answer": [">>>", "all\nYes, 1 >> 0.", [content("Yes, 1 >> 0.")]],
  "an answer and two calls": [
    ">>>",
    'all\nFirst this.>>>book\n{"days": 5}>>>now\n{}',
    [content("First this."), toolCall("book", '{"days": 5}'), toolCall("now", "{}")],
  ],
  "arguments cut off": [">>>", 'book\n{"da', [toolCall("book", '{"da')]],
  "an unknown tool": [">>>", "all\nYes.>>>no\n{}", [content("Yes.>>>no\n{}")]],
});

const tools = [{ name: "python", parameters: { type: "object", properties: { script: { type: "string" } } } }];

it.each([
  ["code", 'print("a")\nprint(2)', String.raw`{"script": "print(\"a\")\nprint(2)"}`],
  ["JSON", '{"script": "1"}', '{"script": "1"}'],
])("takes %s for the tool python", (_, text, json) => {
  expect(readAnswer(familyFormat(functionary32), [text], { tools, start: { said: ">>>python\n" } }).parts).toEqual([
    { kind: "call", index: 0, name: "python" },
    { kind: "arguments", index: 0, text: json },
  ]);
});
