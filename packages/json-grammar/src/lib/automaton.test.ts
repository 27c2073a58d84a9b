import { describe, expect, it } from "vitest";
import { buildAutomaton } from "./automaton.ts";
import { charsOf } from "./char-set.ts";
import { createLanguages } from "./languages.ts";

const languages = createLanguages(() => {});
const [a, b] = [languages.set(charsOf("a")), languages.set(charsOf("b"))];

describe("an automaton", () => {
  it("has no state from which the text cannot end", () => {
    // Begins with a or b by the one, with a by the other; what follows b would be a dead end.
    const one = languages.concat([languages.union([a, b]), languages.repeat(b, 2, 2)]);
    const other = languages.concat([languages.union([a, languages.concat([b, b])]), b, b]);
    const states = buildAutomaton(languages, languages.intersection([one, other]), 20) ?? [];
    expect(states.map(({ edges }) => edges.length)).toEqual([1, 1, 1, 0]);
    expect(states.map(({ accepting }) => accepting)).toEqual([false, false, false, true]);
  });

  it("has no state at all for a language without a text", () => {
    expect(buildAutomaton(languages, languages.intersection([a, b]), 20)).toEqual([]);
  });

  it("is not built beyond its limit", () => {
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 11)).toHaveLength(11);
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 10)).toBeUndefined();
  });
});
