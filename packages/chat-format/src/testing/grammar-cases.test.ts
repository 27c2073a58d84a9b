import { matchGbnf, readGbnf } from "@waggle/grammar/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { answerStart } from "../format/answer.ts";
import type { ChatFormat } from "../format/format.ts";
import { answerGrammar, promptMark } from "../format/grammar/answer-grammar.ts";
import { markText } from "../format/marks.ts";
import { type AnswerCase, type LlamaCase, llamaCases } from "./llama-cases.ts";
import { notInGrammar } from "./not-in-grammar.ts";
import { endsOfTurn } from "./round-trips.ts";
import { type TemplateFormats, type Way, templateFormats } from "./template-formats.ts";

/** Answers that templates write and grammars do not accept, with reasons. */
const missedTrips: Readonly<Record<string, string>> = {
  "LFM2.5-8B-A1B: call with awkward text":
    "the template does not escape quotes, so that the text has no recognisable end",
  "google-gemma-4-31B-it-interleaved: content and call": "the template writes the content after the call",
  "google-gemma-4-31B-it: content and call": "the same",
};

const recorded = llamaCases().cases.filter(({ partial }) => !partial);
let formats: TemplateFormats["formats"] = new Map();
let trips: TemplateFormats["trips"] = [];

beforeAll(async () => {
  ({ formats, trips } = await templateFormats());
});

const grammars = new Map<string, ReturnType<typeof readGbnf>>();

/** To compile a grammar takes longer than to match an answer, and many answers have the same one. */
function grammarOf(each: AnswerCase & Partial<LlamaCase>, format: ChatFormat, way: Way): ReturnType<typeof readGbnf> {
  const request = {
    tools: each.toolChoice === "none" ? [] : each.tools,
    choice: each.toolChoice === "required" ? ("required" as const) : ("auto" as const),
    parallel: each.parallel ?? true,
    ...(each.schema === undefined ? {} : { schema: each.schema }),
  };
  const key = JSON.stringify([each.template, way, request]);
  const grammar = grammars.get(key) ?? readGbnf(answerGrammar({ format, ...request }));
  grammars.set(key, grammar);
  return grammar;
}

/** The rest of the answer that the grammar does not accept; undefined if the grammar accepts the whole answer, with or without an end of the turn. */
function refused(each: AnswerCase & Partial<LlamaCase>, way: Way): string | undefined {
  const format = formats.get(each.template)?.[way];
  if (format === undefined) throw new Error(`Cannot write ${each.name}: unknown template`);
  const grammar = grammarOf(each, format, way);
  const { said } = answerStart(format, each.promptTail);
  const marked = (text: string): string => markText(text, format.marks);
  const begin = matchGbnf(grammar, marked(said)).matched === marked(said).length ? "" : promptMark;
  const text = begin + marked(said + each.text);
  if (["", ...endsOfTurn].some((end) => matchGbnf(grammar, text + marked(end)).accepted)) return undefined;
  return `${each.name}: ${JSON.stringify(text.slice(matchGbnf(grammar, text).matched))}`;
}

function refusals(all: readonly AnswerCase[], known: Readonly<Record<string, string>>, way: Way): string[] {
  return all.filter(({ name }) => !Object.hasOwn(known, name)).flatMap((each) => refused(each, way) ?? []);
}

describe.each(["text", "marks"] as const)("grammars with markers as %s", (way) => {
  it("accept the answers that each template writes, except for the listed ones", () => {
    // The other templates give no answers: they refuse the messages, or begin a turn differently in the prompt and in the history.
    expect(new Set(trips.map(({ template }) => template)).size).toBe(63);
    // Nearly all models have single tokens for their markers. Grammars take long to compile, so a short run tries every fourth answer with text.
    const some =
      way === "marks" || process.env["WAGGLE_LONG"] === "1" ? trips : trips.filter((_, index) => index % 4 === 0);
    expect(refusals(some, missedTrips, way)).toEqual([]);
  });

  it("accept the answers that llama.cpp reads, except for the listed ones", () => {
    expect(refusals(recorded, notInGrammar, way)).toEqual([]);
  });
});

it("the lists of reasons name only answers that a grammar with marks does not accept", () => {
  const reasons = { ...missedTrips, ...notInGrammar };
  const all = [...trips, ...recorded].filter(({ name }) => Object.hasOwn(reasons, name));
  expect(all.filter((each) => refused(each, "marks") === undefined).map(({ name }) => name)).toEqual([]);
});
