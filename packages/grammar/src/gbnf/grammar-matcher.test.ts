import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { commonGrammars } from "../testing/common-grammars.ts";
import { parseGbnf } from "./gbnf.ts";
import { grammarProblem } from "./grammar-check.ts";
import { AmbiguityError, createMatcher, type Matcher, type MatcherPosition } from "./grammar-matcher.ts";

const encoder = new TextEncoder();

function matcherOf(grammar: string, budget = 100_000): Matcher {
  const matcher = createMatcher(parseGbnf(grammar));
  matcher.budget = budget;
  return matcher;
}

function follow(matcher: Matcher, bytes: Iterable<number>, from = matcher.start()): MatcherPosition | undefined {
  let at: MatcherPosition | undefined = from;
  for (const byte of bytes) at = at === undefined ? undefined : matcher.advance(at, byte);
  return at;
}

function allows(grammar: string, text: string): boolean {
  const end = follow(matcherOf(grammar), encoder.encode(text));
  return end !== undefined && end.missing === 0 && end.state.complete;
}

describe("grammars of clients", () => {
  test.each(commonGrammars)("$name", ({ grammar, allows: good, refuses: bad }) => {
    expect(grammarProblem(parseGbnf(grammar))).toBeUndefined();
    for (const text of good) expect(allows(grammar, text), text).toBe(true);
    for (const text of bad) expect(allows(grammar, text), text).toBe(false);
  });
});

describe("a text", () => {
  test.each<[grammar: string, good: string[], bad: string[]]>([
    ['root ::= "a"{2,3}', ["aa", "aaa"], ["a", "aaaa"]],
    ['root ::= "ab"{2}', ["abab"], ["ab", "ababab", "aab"]],
    ['root ::= "a"{2,}', ["aa", "aaaaaaa"], ["a"]],
    ['root ::= "a"{0}', [""], ["a"]],
    ['root ::= root{0} "a"', ["a"], ["", "aa"]],
    ['root ::= ("a"?){3} "!"', ["!", "aaa!"], ["aaaa!"]],
    ['root ::= ("a"* | "b"*)*', ["", "abba"], ["c"]],
    ['root ::= (""*)* "a"', ["a"], ["", "aa"]],
    ['root ::= "(" root ")" | ""', ["", "((()))"], ["(", "())"]],
    ['root ::= "a" root "b" | "a" root "c" | "!"', ["aaa!bcb"], ["aa!b", "aa!bbb"]],
    ["root ::= [^a-y]+", ["z🐝é"], ["za", "\u0000"]],
    ["root ::= .", ["蜂", "🐝", "a"], ["", "ab"]],
    ['root ::= "a"\nroot ::= "b"', ["b"], ["a"]],
    ["root ::= [🐝-🐟]", ["🐝"], ["🐠", "é"]],
  ])("matches or does not match %s", (grammar, good, bad) => {
    for (const text of good) expect(allows(grammar, text), text).toBe(true);
    for (const text of bad) expect(allows(grammar, text), text).toBe(false);
  });

  test("may stop within a character if the grammar allows a character with these first bytes", () => {
    const matcher = matcherOf("root ::= [é蜂🐝]");
    for (const good of [[0xc3], [0xe8], [0xe8, 0x9c], [0xf0, 0x9f, 0x90]]) expect(follow(matcher, good)).toBeDefined();
    for (const bad of [[0xc4], [0xe9], [0xe8, 0x9d], [0xf0, 0x9f, 0x91], [0x9c], [0xff], [0xc3, 0x41]]) {
      expect(follow(matcher, bad)).toBeUndefined();
    }
  });

  test("must be valid UTF-8: no overlong forms, no surrogates, no code points above U+10FFFF", () => {
    const matcher = matcherOf("root ::= .*");
    for (const bad of [
      [0xc0, 0x80],
      [0xc1, 0xbf],
      [0xe0, 0x9f],
      [0xf0, 0x8f],
      [0xed, 0xa0],
      [0xf4, 0x90],
      [0xf5],
      [0],
    ]) {
      expect(follow(matcher, bad), String(bad)).toBeUndefined();
    }
    for (const good of [
      [0xc2, 0x80],
      [0xe0, 0xa0, 0x80],
      [0xf0, 0x90, 0x80, 0x80],
      [0xed, 0x9f, 0xbf],
      [0xf4, 0x8f],
    ]) {
      expect(follow(matcher, good), String(good)).toBeDefined();
    }
  });
});

describe("the work", () => {
  test("for one more character is constant, also in an ambiguous loop", () => {
    const matcher = matcherOf('root ::= ((("a" | [a])*)* | (.*)*)* "!"');
    let at: MatcherPosition | undefined = follow(matcher, encoder.encode("a".repeat(10)));
    matcher.budget = 1_000;
    at = follow(matcher, encoder.encode("a".repeat(10_000)), at);
    expect(at).toBeDefined();
    expect(matcher.size).toBeLessThan(200);
  });

  test("ends at the budget if the readings multiply", () => {
    const matcher = matcherOf('root ::= "a" root "b" | "a" root "c" | "!"');
    expect(() => follow(matcher, encoder.encode("a".repeat(100)))).toThrow(AmbiguityError);
  });

  test("continues from the same position after `forget`", () => {
    const grammar = 'root ::= "(" root ")" | [a-z]{0,50}';
    const matcher = matcherOf(grammar);
    const half = follow(matcher, encoder.encode(`${"(".repeat(1_000)}abc`));
    if (half === undefined) throw new Error("no way");
    const before = matcher.size;
    const kept = matcher.forget(half);
    expect(matcher.size).toBeLessThan(before);
    const rest = (closing: number): MatcherPosition | undefined =>
      follow(matcher, encoder.encode(`${"x".repeat(47)}${")".repeat(closing)}`), kept);
    expect(rest(1_000)?.state.complete).toBe(true);
    expect(rest(1_001)).toBeUndefined();
    expect(follow(matcher, encoder.encode("x".repeat(48)), kept)).toBeUndefined();
  });

  test("merges equal readings also after `forget`", () => {
    const grammar = 'root ::= (("a" | "b"?)?){0,50} "!"';
    const [forgetful, other] = [matcherOf(grammar), matcherOf(grammar)];
    let [at, expected] = [forgetful.start(), other.start()];
    for (const byte of encoder.encode("aabaabaaab")) {
      forgetful.budget = 100_000;
      at = forgetful.forget(advance(forgetful, at, byte));
      expected = advance(other, expected, byte);
      expect(at.state.leaves.length).toBe(expected.state.leaves.length);
    }
  });

  test.each<[grammar: string, limit: number]>([
    [`root ::= ${Array.from({ length: 300 }, () => '"a"{0,100000}').join(" | ")}`, 10_000],
    [`root ::= "a" x\nx ::= ("a" | "a" | ${Array.from({ length: 5_000 }, () => '"b"').join(" | ")})*`, 50_000],
  ])("%.30s… takes no more memory for a long text than for a short text", (grammar, limit) => {
    const matcher = matcherOf(grammar);
    let at = matcher.start();
    const append = (characters: number): void => {
      for (let i = 0; i < characters; i++) {
        matcher.budget = 100_000;
        at = advance(matcher, at, 0x61);
        if (matcher.size > limit) at = matcher.forget(at);
      }
    };
    append(100);
    const before = heapMiB();
    append(500);
    expect(matcher.size).toBeLessThanOrEqual(limit);
    // Without `forget`, the repetitions of these characters would take 20 MiB.
    expect(heapMiB() - before).toBeLessThan(5);
  });
});

function advance(matcher: Matcher, from: MatcherPosition, byte: number): MatcherPosition {
  const next = matcher.advance(from, byte);
  if (next === undefined) throw new Error("no way");
  return next;
}

/** Size of the heap after a garbage collection. */
function heapMiB(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed / 1_048_576;
}
