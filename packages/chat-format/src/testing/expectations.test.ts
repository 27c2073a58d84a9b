import { beforeAll, describe, expect, it } from "vitest";
import { answerStart, type AnswerPart } from "../format/answer.ts";
import { markText } from "../format/marks.ts";
import { type AnswerCase, type LlamaCase, type ReadAnswer, type Score, llamaCases, scoreCases } from "./llama-cases.ts";
import { readAnswer } from "./read-answer.ts";
import { type TemplateFormats, type Way, templateFormats } from "./template-formats.ts";

const { cases } = llamaCases();

/** The cases that are not read as expected, with reasons. */
const missed: Readonly<Record<string, string>> = {
  "mistralai-Ministral-3-14B-Reasoning-2512:2691": "fences around JSON, which a schema's grammar forbids",
  "meta-llama-Llama-3.1-8B-Instruct:6345": "the same",
  "MiniMax-M3:5836": "llama.cpp reads elements in a value of two types as text, this reader as members",
  "Apriel-1.6-15b-Thinker-fixed:6282": "a continued thought whose opening is not in the prompt",
};

let formats: TemplateFormats["formats"] = new Map();
let trips: TemplateFormats["trips"] = [];

beforeAll(async () => {
  ({ formats, trips } = await templateFormats());
});

function read(each: AnswerCase | LlamaCase, pieces: readonly string[], way: Way): ReadAnswer {
  const format = formats.get(each.template)?.[way];
  if (format === undefined) throw new Error(`Cannot read ${each.name}: unknown template`);
  const given = markText(pieces.join(""), format.marks);
  const { parts } = readAnswer(format, pieces.length === 1 ? [given] : [...given], {
    tools: "toolChoice" in each && each.toolChoice === "none" ? [] : each.tools,
    start: answerStart(format, each.promptTail),
  });
  return {
    reasoning: textOf(parts, "reasoning"),
    content: textOf(parts, "content"),
    calls: parts.flatMap((part) =>
      part.kind === "call" ? [{ name: part.name, arguments: textOf(parts, "arguments", part.index) }] : [],
    ),
  };
}

function textOf(parts: readonly AnswerPart[], kind: AnswerPart["kind"], index?: number): string {
  const those = parts.filter((part) => part.kind === kind && (!("index" in part) || part.index === index));
  return those.map((part) => ("text" in part ? part.text : "")).join("");
}

/** A line for each template: how many cases are correct when read at once, how many when read by characters, and how many cases there are. */
function table(scores: ReadonlyMap<string, Score>): string {
  const rows = [...scores].map(
    ([name, { total, whole, byCharacters }]) => `${name}: ${whole}, ${byCharacters} of ${total}`,
  );
  return rows.join("\n");
}

describe.each(["text", "marks"] as const)("answers with markers as %s", (way) => {
  it("are read as llama.cpp expects, or as the message from which a template wrote the answer", () => {
    const all: readonly AnswerCase[] = [...cases, ...trips];
    const { scores, failed } = scoreCases(all, (each, pieces) => read(each, pieces, way));
    expect(failed.toSorted(), table(scores)).toEqual(Object.keys(missed).toSorted());
    for (const [name, { total, whole, byCharacters }] of scores) {
      const least = name === "all" ? 0.97 * total : total < 5 ? total - 1 : 0.8 * total;
      expect(Math.min(whole, byCharacters), name).toBeGreaterThanOrEqual(least);
    }
    // Fails if templates write fewer answers than before.
    expect(trips.length).toBeGreaterThan(580);
  });
});
