import { describe, expect, it } from "vitest";
import { buildAutomaton } from "./automaton.ts";
import { charsOf, complementSet } from "./char-set.ts";
import { createLanguages } from "./languages.ts";

const languages = createLanguages(() => {});
const [a, b] = [languages.set(charsOf("a")), languages.set(charsOf("b"))];

describe("an automaton", () => {
  it("has no dead ends", () => {
    // Both languages have texts that begin with b, but no such text in common: the state after b would be a dead end.
    const one = languages.concat([languages.union([a, b]), languages.repeat(b, 2, 2)]);
    const other = languages.concat([languages.union([a, languages.concat([b, b])]), b, b]);
    const states = buildAutomaton(languages, languages.intersection([one, other]), 20) ?? [];
    expect(states.map(({ edges }) => edges.length)).toEqual([1, 1, 1, 0]);
    expect(states.map(({ accepting }) => accepting)).toEqual([false, false, false, true]);
  });

  it("tests only the possible next character sets in each state", () => {
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

  it("finds the possible first characters after optional parts", () => {
    const language = languages.concat([languages.repeat(a, 0, 1), b]);
    const [start] = buildAutomaton(languages, language, 10) ?? [];
    expect(start?.edges.map(({ set }) => set)).toEqual([charsOf("a"), charsOf("b")]);
  });

  it("has no states for a language without texts", () => {
    expect(buildAutomaton(languages, languages.intersection([a, b]), 20)).toEqual([]);
  });

  it("is undefined above the limit of states", () => {
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 11)).toHaveLength(11);
    expect(buildAutomaton(languages, languages.repeat(a, 10, 10), 10)).toBeUndefined();
  });
});
