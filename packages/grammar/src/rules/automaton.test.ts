import { describe, expect, it } from "vitest";
import { buildAutomaton } from "./automaton.ts";
import { charsOf, complementSet } from "./char-set.ts";
import { createLanguages } from "./languages.ts";

const languages = createLanguages(() => {});
const [a, b] = [languages.set(charsOf("a")), languages.set(charsOf("b"))];

describe("an automaton", () => {
  it("has no state from which the text cannot end", () => {
    // Begins with a or b by the one, with a by the other; after b there would be a dead end.
    const one = languages.concat([languages.union([a, b]), languages.repeat(b, 2, 2)]);
    const other = languages.concat([languages.union([a, languages.concat([b, b])]), b, b]);
    const states = buildAutomaton(languages, languages.intersection([one, other]), 20) ?? [];
    expect(states.map(({ edges }) => edges.length)).toEqual([1, 1, 1, 0]);
    expect(states.map(({ accepting }) => accepting)).toEqual([false, false, false, true]);
  });

  it("tests in each state only the possible next sets, however many the language has", () => {
    const count = 400;
    let steps = 0;
    const counted = createLanguages((spent) => (steps += spent));
    const others = Array.from({ length: count }, (_, index) =>
      counted.set(complementSet(charsOf(String.fromCharCode(0x4e00 + index)))),
    );
    const beginsOtherwise = counted.complement(counted.concat([counted.set(charsOf("x")), counted.all]));
    const language = counted.intersection([beginsOtherwise, counted.concat(others)]);
    expect(buildAutomaton(counted, language, count + 1)).toHaveLength(count + 1);
    expect(steps).toBeLessThan(count * 20);
  });

  it("finds the possible first characters behind parts that may be left out", () => {
    const language = languages.concat([languages.repeat(a, 0, 1), b]);
    const [start] = buildAutomaton(languages, language, 10) ?? [];
    expect(start?.edges.map(({ set }) => set)).toEqual([charsOf("a"), charsOf("b")]);
  });

  it("has no state at all for a language without a text", () => {
    expect(buildAutomaton(languages, languages.intersection([a, b]), 20)).toEqual([]);
  });

  it("is not built beyond its limit", () => {
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 11)).toHaveLength(11);
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 10)).toBeUndefined();
  });
});
