// Tests answers that mention the markers of calls: the grammar and the reader take them for text, unless a call of a tool begins.
import { createGbnfMatcher, readGbnf, seededRandom } from "@waggle/grammar/testing";
import { beforeAll, describe, expect, inject, it } from "vitest";
import type { AnswerPart } from "../format/answer.ts";
import type { ChatFormat } from "../format/format.ts";
import { answerGrammar } from "../format/grammar/answer-grammar.ts";
import { markText } from "../format/marks.ts";
import { openersOf } from "../format/openings.ts";
import { says } from "../format/grammar/syntax-facts.ts";
import { beginnings, hasCall } from "../format/syntax.ts";
import { cut, readAnswer } from "./read-answer.ts";
import { type TemplateFormats, type Way, templateFormats } from "./template-formats.ts";
import { llamaTemplates } from "./template/llama-templates.ts";

const weather = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [
  { name: "weather", parameters: { ...weather, additionalProperties: false } },
  { name: "get_time", parameters: { type: "object", properties: {}, additionalProperties: false } },
];

const validArguments = /^\{\s*(?:"city":\s*"(?:[^"\\]|\\.)*"\s*)?\}$/;

let formats: TemplateFormats["formats"] = new Map();
beforeAll(async () => {
  ({ formats } = await templateFormats());
});

/** The markers with which calls begin. */
function openings({ answer }: ChatFormat): string[] {
  const calls = answer.filter(({ at, syntax }) => at === "anywhere" && hasCall(syntax));
  return [...new Set(calls.flatMap(({ syntax }) => beginnings(syntax) ?? []))];
}

function read(format: ChatFormat, pieces: readonly string[]): AnswerPart[] {
  return readAnswer(format, pieces, { tools }).parts;
}

const matchers = new Map<ChatFormat, ReturnType<typeof createGbnfMatcher>>();

/** Three tests have the same grammar, which takes longer to compile than to match. */
function matcherOf(format: ChatFormat): ReturnType<typeof createGbnfMatcher> {
  const grammar = { format, tools, choice: "auto", parallel: true } as const;
  const matcher = matchers.get(format) ?? createGbnfMatcher(readGbnf(answerGrammar(grammar)));
  matchers.set(format, matcher);
  return matcher;
}

const mentions: readonly (readonly [string, (marker: string) => string])[] = [
  ["in a sentence", (marker) => `The tag ${marker} begins a call.`],
  ["at the beginning, twice", (marker) => `${marker} begins a call; ${marker}${marker} is too much.`],
  ["at the end", (marker) => `A call begins with ${marker}`],
  ["in a fence", (marker) => `\`\`\`\n${marker}\n...\n\`\`\`\nThat is all.`],
  ["before JSON", (marker) => `Like ${marker}\n{"city": "Paris"}\nfor example`],
  ["in instructions", (marker) => `Like ${marker}\n{"name": <function-name>, "arguments": <args>}`],
  ["before another name", (marker) => `Like ${marker}\n{"name": "other", "arguments": {}}`],
  ["before a tool's name that is a word", (marker) => `The ${marker} weather is fine.`],
];

/** Markers that also begin other parts of an answer, and have no text at an answer's end. */
const notAtEnd = ["openai-gpt-oss-120b", "meetkai-functionary-medium-v3.2"];
/** The beginning of a message, not of a call. */
const headers = ["<|start|>assistant to="];

describe.each([...llamaTemplates().keys()])("%s", (name) => {
  it.each(["text", "marks"] as const)("mentions of markers are text; markers are %s", (way) => {
    const { text: plain, [way]: format } = formats.get(name) as Readonly<Record<Way, ChatFormat>>;
    const matcher = matcherOf(format);
    for (const marker of openings(plain).filter((text) => !headers.includes(text))) {
      for (const [form, of] of mentions) {
        if (form === "at the end" && notAtEnd.includes(name)) continue;
        const answer = of(marker);
        const given = markText(answer, format.marks);
        const parts = [{ kind: "content", text: answer }];
        expect(matcher.advance(matcher.start, given)?.complete, `${form}: ${answer}`).toBe(true);
        expect(read(format, [given]), `${form}: ${answer}`).toEqual(parts);
        expect(read(format, [...given]), `${form}, by characters: ${answer}`).toEqual(parts);
      }
      const [thought] = plain.answer.filter(({ at, syntax }) => at === "start" && says(syntax, "reasoning"));
      if (thought === undefined || plain.thoughtEnd === undefined) continue;
      const open = beginnings(thought.syntax)?.[0] ?? "";
      const answer = markText(
        `${open}The tag ${marker} begins a call, and ${open} this.${plain.thoughtEnd}Yes.`,
        format.marks,
      );
      // Some families end the content with a marker, which is missing here.
      expect(matcher.advance(matcher.start, answer), answer).toBeDefined();
      expect(read(format, [...answer])).toEqual([
        { kind: "reasoning", text: `The tag ${marker} begins a call, and ${open} this.` },
        { kind: "content", text: "Yes." },
      ]);
    }
  });

  it.each(["text", "marks"] as const)("no answer ends where a call begins; markers are %s", (way) => {
    const { [way]: format } = formats.get(name) as Readonly<Record<Way, ChatFormat>>;
    const matcher = matcherOf(format);
    const openers = openersOf(format, { texts: ["weather"] }).filter(({ item: { syntax } }) => hasCall(syntax));
    for (const row of openers.flatMap(({ rows }) => rows)) {
      const begun = row.map(([text]) => text).join("");
      const beforeName = row.slice(0, -1).map(([text]) => text);
      for (const answer of [begun, `${begun}\n`, begun.slice(0, -1), beforeName.join("")]) {
        if (matcher.advance(matcher.start, answer)?.complete !== true) continue;
        const { calls } = readAnswer(format, [answer], { tools });
        expect(calls.complete, answer).toBe(calls.begun);
      }
    }
  });

  it.each(["text", "marks"] as const)("whatever its grammar allows is text or a whole call; markers are %s", (way) => {
    const { text: plain, [way]: format } = formats.get(name) as Readonly<Record<Way, ChatFormat>>;
    const matcher = matcherOf(format);
    const pieces = [...plain.markers, ...openings(plain), "weather", "get_time", "functions.", ":0", "name", "city"]
      .concat([
        '{"name": "weather", "arguments": ',
        '{"name": ',
        '{"city": "Oslo"}',
        "{}",
        "(",
        ")",
        "[",
        "]",
        "}",
        '"',
      ])
      .concat(["\n", " ", "<", ">", "=", "call:", "commentary", " to=", "final", "word"])
      .map((piece) => markText(piece, format.marks));
    for (let run = 0; run < inject("runs").grammarTexts; run += 1) {
      const random = seededRandom(inject("seed") + run);
      let [answer, ways] = ["", matcher.start];
      for (let drawn = 0; drawn < 250; drawn += 1) {
        const piece = pieces[Math.floor(random() * pieces.length)] ?? "";
        const next = matcher.advance(ways, piece);
        if (next !== undefined) [answer, ways] = [answer + piece, next];
      }
      const { parts, calls } = readAnswer(format, [answer], { tools });
      expect(calls.unreadable, answer).toBe(0);
      if (ways.complete) {
        expect(calls.complete, answer).toBe(calls.begun);
        for (const part of parts) if (part.kind === "arguments") expect(part.text, answer).toMatch(validArguments);
      }
      expect(read(format, cut(answer, [1 + (run % 3), 2])), answer).toEqual(parts);
    }
  });
});
