// Owns the tests of a family by examples: with markers as text and as marks, and with answers in pieces of any length.
import fc from "fast-check";
import { describe, expect, inject, it } from "vitest";
import type { AnswerTool } from "../format/answer.ts";
import type { Family } from "../format/families/family.ts";
import type { ChatFormat } from "../format/format.ts";
import { markText, markersOf, withMarks } from "../format/marks.ts";
import { createReader } from "../format/reader.ts";
import { cut, formatOf, joined, readAnswer } from "./read-answer.ts";

/** Examples by name: `said` is the beginning of the answer in the prompt, `text` the answer. Adjacent parts of one kind are joined. */
export type FamilyExamples = Readonly<Record<string, readonly [said: string, text: string, parts: readonly Told[]]>>;

export type Told = readonly ["content" | "reasoning", string] | readonly ["call", name: string, json: string];

export const content = (text: string): Told => ["content", text];
export const reasoning = (text: string): Told => ["reasoning", text];
export const toolCall = (name: string, json: string): Told => ["call", name, json];

/** Tools with arguments of every type. */
export const bookTools: readonly AnswerTool[] = [
  {
    name: "book",
    parameters: {
      type: "object",
      properties: {
        city: { type: "string" },
        days: { type: "integer" },
        paid: { type: "boolean" },
        note: { anyOf: [{ type: "string" }, { type: "null" }] },
        who: { $ref: "#/$defs/person" },
        tags: { type: "array", items: { type: "string" } },
        stops: { type: "array", items: { $ref: "#/$defs/person" } },
      },
      $defs: { person: { type: "object", properties: { name: { type: "string" }, age: { type: "number" } } } },
    },
  },
  { name: "now" },
];

export function familyFormat({ name, answer, markers = [] }: Family): ChatFormat {
  return { ...formatOf(...answer), name, markers: [...new Set([...markersOf(answer), ...markers])] };
}

/** @param tokens the markers that are single tokens in the family's vocabulary */
export function testFamily(family: Family, tokens: readonly string[], given: FamilyExamples): void {
  const format = familyFormat(family);
  const examples = Object.entries(given);
  const marked = withMarks(format, (text) => tokens.includes(text) && "user");

  describe(`${family.name}: an answer's parts`, () => {
    it("has its tokens among its markers", () => {
      expect(marked.marks.map(({ text }) => text).toSorted()).toEqual([...tokens].toSorted());
    });

    it.each(examples)("%s", (_, [said, text, parts]) => {
      expect(told(format, [text], said)).toEqual(parts);
    });

    it.each(examples)("%s, with tokens as marks", (_, [said, text, parts]) => {
      expect(told(marked, [markText(text, marked.marks)], said)).toEqual(parts);
    });

    it.each(examples)("%s, in pieces of any length", (_, [said, text]) => {
      for (const each of [format, marked]) {
        const answer = markText(text, each.marks);
        const whole = readAnswer(each, [answer], { tools: bookTools, start: { said } });
        fc.assert(
          fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 60 }), (lengths) => {
            expect(readAnswer(each, cut(answer, lengths), { tools: bookTools, start: { said } })).toEqual(whole);
          }),
          { numRuns: inject("runs").slowProperty },
        );
      }
    });

    it("are the same for a damaged answer in pieces of any length", () => {
      const place = fc.nat(2000);
      const lengths = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });
      fc.assert(
        fc.property(fc.constantFrom(...examples), place, place, lengths, ([, [said, text]], a, b, cuts) => {
          const [from, to] = [a % (text.length + 1), b % (text.length + 1)];
          // If `from` is after `to`, a piece occurs twice.
          const damaged = text.slice(0, from) + text.slice(to);
          const whole = readAnswer(format, [damaged], { tools: bookTools, start: { said } });
          expect(readAnswer(format, cut(damaged, cuts), { tools: bookTools, start: { said } })).toEqual(whole);
        }),
      );
    });

    it.each(examples)("%s: parts are never taken back", (_, [said, text]) => {
      const whole = readAnswer(format, [text], { tools: bookTools, start: { said } }).parts;
      for (let length = 0; length <= text.length; length += 3) {
        const reader = createReader({ format, tools: bookTools, start: { said } });
        const begun = joined(reader.push(text.slice(0, length)));
        expect(whole.slice(0, Math.max(0, begun.length - 1))).toEqual(begun.slice(0, -1));
        const last = begun.at(-1);
        const same = whole[begun.length - 1];
        if (last !== undefined && "text" in last) {
          expect(same).toMatchObject({ kind: last.kind, text: expect.stringMatching(beginning(last.text)) as unknown });
        } else expect(same).toEqual(last ?? whole[begun.length - 1]);
      }
    });
  });
}

const beginning = (text: string): RegExp => new RegExp(`^${text.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`)}`);

function told(format: ChatFormat, pieces: readonly string[], said: string): Told[] {
  const found: Told[] = [];
  for (const part of readAnswer(format, pieces, { tools: bookTools, start: { said } }).parts) {
    if (part.kind === "call") found.push(["call", part.name, ""]);
    else if (part.kind === "arguments") {
      const last = found.at(-1);
      if (last?.[0] === "call") found[found.length - 1] = ["call", last[1], last[2] + part.text];
    } else found.push([part.kind, part.text]);
  }
  return found;
}
