import { expect, it } from "vitest";
import { formatOf, readAnswer } from "../../testing/read-answer.ts";
import { createReader } from "../reader.ts";
import { literal, sequence } from "../syntax.ts";
import { maxElementDepth } from "./elements.ts";

const format = formatOf(
  sequence(
    literal("CALL "),
    { kind: "name", until: [":"] },
    literal(":"),
    { kind: "arguments", syntax: { kind: "elements", before: "~", item: "li" } },
    literal("~/"),
  ),
);
const tools = [{ name: "f" }];

function argumentsOf(text: string): string {
  const { parts } = readAnswer(format, [`CALL f:${text}~/`], { tools });
  return parts.flatMap((part) => (part.kind === "arguments" ? [part.text] : [])).join("");
}

it.each([
  ["", "{}"],
  ["~<a>1~</a> ~<b> x ~</b>", '{"a": 1, "b": " x "}'],
  ["~<a>\n~<li>1~</li>\n~<li>~<b>null~</b>~</li>\n~</a>", '{"a": [1, {"b": null}]}'],
  ["~<a><b>1</b>~</a>", '{"a": "<b>1</b>"}'],
  ["~<a>~<li>1~</li>~<b>2~</b>~</a>", '{"a": [1, 2]}'],
])("elements %j are %s", (text, json) => {
  expect(argumentsOf(text)).toBe(json);
});

it("elements below the depth limit are text", () => {
  const nested = (depth: number, inner: string): string => "~<a>".repeat(depth) + inner + "~</a>".repeat(depth);
  const known = argumentsOf(nested(maxElementDepth, "x"));
  expect(known).toBe(`${'{"a": '.repeat(maxElementDepth)}"x"${"}".repeat(maxElementDepth)}`);
  const deeper = argumentsOf(nested(maxElementDepth + 1, "x"));
  expect(deeper.startsWith(`${'{"a": '.repeat(maxElementDepth)}"~<a>x"`)).toBe(true);
});

// Quadratic time would take minutes.
it("an endless row of openings takes linear time", { timeout: 60_000 }, () => {
  const reader = createReader({ format, tools });
  reader.push("CALL f:");
  for (let taken = 0; taken < 20_000; taken += 1) reader.push("~<li>");
});
