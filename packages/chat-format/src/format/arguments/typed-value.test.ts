import { describe, expect, it } from "vitest";
import { readAnswer } from "../../testing/read-answer.ts";
import { tags } from "../../testing/syntaxes.ts";
import { createReader } from "../reader.ts";
import { maxUndecidedChars } from "./typed-value.ts";

const tools = (schema: unknown): { name: string; parameters: unknown }[] => [
  { name: "f", parameters: { type: "object", properties: { a: schema } } },
];
const open = "<function=f><parameter=a>";

/** The JSON text of the arguments for a complete or incomplete value. */
function valueOf(schema: unknown, text: string, end = "</parameter></function>"): string {
  const { parts } = readAnswer(tags, [open + text + end], { tools: tools(schema) });
  return parts.flatMap((part) => (part.kind === "arguments" ? [part.text] : [])).join("");
}

describe("a value written as text", () => {
  it.each<[unknown, string, string]>([
    [{ type: "string" }, "5", '"5"'],
    [{ type: "string" }, '\n {"a": 1}\n\n', String.raw`" {\"a\": 1}\n"`],
    [{ type: "integer" }, " 5 ", "5"],
    [{ type: "integer" }, "five", '"five"'],
    [{ type: "integer" }, "constructor", '"constructor"'],
    [{ type: "array" }, "[toString]", "[toString]"],
    [{ type: "boolean" }, "True", "true"],
    [{ type: ["null", "number"] }, "None", "null"],
    [{ type: "string", nullable: true }, "null", "null"],
    [{ type: ["string", "null"] }, "5", '"5"'],
    [{ type: ["string", "null"] }, "nullify", '"nullify"'],
    [{ type: ["string", "integer"] }, "5", "5"],
    [{ type: ["string", "integer"] }, "5.5", '"5.5"'],
    [{ type: ["string", "number"] }, "5e1", "5e1"],
    [{ type: ["string", "object"] }, "[1]", '"[1]"'],
    [{ type: ["string", "object"] }, '{"b": [1]}', '{"b": [1]}'],
    [{ type: ["string", "object"] }, "{b}", '"{b}"'],
    [{ type: ["string", "boolean"] }, "True", '"True"'],
    [{ type: "array" }, " [1, {\"b\": '</parameter>'}] ", `[1, {"b": "</parameter>"}]`],
    [{ type: "object" }, "{'a': (True, None, 1.5), 'it''s': \"it's\"}", `{"a": [true, null, 1.5], "it""s": "it's"}`],
    [{ type: "object" }, "none", '"none"'],
    [{ enum: ["1", 2] }, "1", "1"],
    [{ enum: ["1", "2"] }, "1", '"1"'],
    [undefined, "5", "5"],
    [undefined, "5 apples", '"5 apples"'],
    [undefined, '"5"', String.raw`"\"5\""`],
    [undefined, '[1, "b"]', '[1, "b"]'],
    [undefined, "[1, b]", '"[1, b]"'],
    [undefined, "", '""'],
  ])("gets the type of the schema %j: %j is %s", (schema, text, json) => {
    expect(valueOf(schema, text)).toBe(`{"a": ${json}}`);
  });

  it.each<[unknown, string, string]>([
    [{ type: "string" }, "Os", '"Os'],
    [{ type: "integer" }, "5", "5"],
    [{ type: ["string", "null"] }, "nu", '"nu'],
    [{ type: ["string", "object"] }, '{"b": [', '{"b": ['],
    [{ type: "object" }, "{'b': 'x", '{"b": "x'],
  ])("that is incomplete gets the type of the schema %j: %j is %s", (schema, text, json) => {
    expect(valueOf(schema, text, "")).toBe(`{"a": ${json}`);
  });

  it.each<[unknown, readonly string[], readonly string[]]>([
    [{ type: ["string", "null"] }, ["n", "ice ", "day"], ["", '"nice ', "day"]],
    [{ type: ["string", "number"] }, ["-", "1", ".", "x"], ["", "", "", '"-1.x']],
    [{ type: "array" }, ["[1", ",'a", "b"], ["[", '1,"a', "b"]],
    [undefined, ["The", " end"], ['"The', " end"]],
  ])("streams as soon as its type is certain, for the schema %j: %j", (schema, pieces, expected) => {
    const reader = createReader({ format: tags, tools: tools(schema) });
    reader.push(open);
    const said = pieces.map((piece) =>
      reader
        .push(piece)
        .map((part) => ("text" in part ? part.text : ""))
        .join(""),
    );
    expect(said).toEqual(expected);
  });

  it("is a string if its type stays undecided for too long", () => {
    const reader = createReader({ format: tags, tools: tools({ type: ["string", "object"] }) });
    reader.push(`${open}{`);
    expect(reader.push(" ".repeat(maxUndecidedChars - 1))).toEqual([]);
    expect(reader.push("  ").map(({ kind }) => kind)).toContain("arguments");
    expect(reader.push("b")).toEqual([{ kind: "arguments", index: 0, text: "b" }]);
  });

  it.each([
    ["a value that may be a string", { type: ["string", "object"] }, "{"],
    ["a list", { type: "array" }, '["a'],
    ["a number", { type: "number" }, "1"],
  ])("%s without end takes linear time", { timeout: 60_000 }, (_, schema, begin) => {
    const reader = createReader({ format: tags, tools: tools(schema) });
    reader.push(open + begin);
    // Quadratic time would take minutes.
    for (let taken = 0; taken < 40_000; taken += 1) reader.push("1234567");
  });
});
