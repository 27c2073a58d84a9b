// Parses GBNF, llama.cpp's notation for grammars, into linked rules. A repetition keeps its count instead of being written out, so the
// memory of a grammar is proportional to its text. Matching is in `grammar-matcher`.
import { allChars, charRanges } from "./char-ranges.ts";
import type { CharSet } from "../rules/char-set.ts";

/** An item of an alternative, with a link to the item after it. */
export type Element = CharsElement | RuleElement | RepeatElement;

export interface CharsElement {
  readonly kind: "chars";
  readonly ranges: CharSet;
  readonly next: Element | undefined;
}

export interface RuleElement {
  readonly kind: "rule";
  readonly rule: Rule;
  readonly next: Element | undefined;
}

export interface RepeatElement {
  readonly kind: "repeat";
  readonly rule: Rule;
  readonly min: number;
  readonly max: number;
  /** Number of completed repetitions. If there is no maximum, counting stops at `min`. */
  readonly done: number;
  /** In a started repetition: the parsed element, from which the repetition began. Undefined in the parsed element, whose `done` is 0. */
  readonly first?: RepeatElement;
  readonly next: Element | undefined;
}

export interface Rule {
  readonly name: string;
  /** The first item of each alternative; undefined for an empty alternative. The list is filled when the rule is read. */
  readonly options: (Element | undefined)[];
}

export interface Grammar {
  readonly root: Rule;
  /** All rules, including groups, which have no name. */
  readonly rules: readonly Rule[];
}

/** The text is not a valid grammar. The message lacks its subject: "nests groups more than 128 deep". */
export class GbnfError extends Error {}

/** Limit for nested groups: the parser is recursive. */
const maxNesting = 128;
/** Highest count of a repetition that the parser accepts. */
const maxRepetitions = 100_000;

const escapes: Readonly<Record<string, number>> = {
  t: 9,
  r: 13,
  n: 10,
  "\\": 0x5c,
  '"': 0x22,
  "[": 0x5b,
  "]": 0x5d,
  "-": 0x2d,
};
const hexDigits: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

const name = /[A-Za-z0-9-]+/y;
const comment = /#[^\r\n]*/y;
/** No two `\s*` are adjacent: otherwise, the expression would try every way to divide a long run of spaces between the two. */
const count = /\{\s*\d+\s*(?:,\s*(?:\d+\s*)?)?\}/y;

type Unlinked = DistributiveOmit<Element, "next">;
type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** @throws GbnfError */
export function parseGbnf(text: string): Grammar {
  const named = new Map<string, Rule>();
  const rules: Rule[] = [];
  /** Cache of the sets of single characters: most of a large grammar is literals, which repeat the same few characters. */
  const single = new Map<number, CharSet>();
  let at = 0;
  let nesting = 0;

  function fail(problem: string): never {
    const line = text.slice(0, at).split("\n").length;
    throw new GbnfError(`is not valid GBNF: ${problem} in line ${line}`);
  }

  /** @param pattern a sticky regular expression */
  function matches(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) at += match.length;
    return match;
  }

  function skipSpace(newlines: boolean): void {
    for (;;) {
      const char = text[at];
      if (char === " " || char === "\t" || (newlines && (char === "\n" || char === "\r"))) at++;
      else if (char === "#") matches(comment);
      else return;
    }
  }

  function ruleNamed(name: string): Rule {
    let rule = named.get(name);
    if (rule === undefined) named.set(name, (rule = addRule(name)));
    return rule;
  }

  function addRule(name: string): Rule {
    const rule = { name, options: [] };
    rules.push(rule);
    return rule;
  }

  function readRule(): void {
    const ruleName = matches(name) ?? fail("a rule's name is missing");
    skipSpace(false);
    if (matches(/::=/y) === undefined) fail('"::=" is missing');
    skipSpace(true);
    const { options } = ruleNamed(ruleName);
    // If a rule is defined twice, the last definition counts, as in llama.cpp.
    options.length = 0;
    for (const option of readOptions(false)) options.push(option);
    if (at < text.length && matches(/\r\n?|\n/y) === undefined) fail("a rule must end with its line");
    skipSpace(true);
  }

  function readOptions(nested: boolean): (Element | undefined)[] {
    const options = [readSequence(nested)];
    while (text[at] === "|") {
      at++;
      skipSpace(true);
      options.push(readSequence(nested));
    }
    return options;
  }

  function readSequence(nested: boolean): Element | undefined {
    const items: Unlinked[] = [];
    for (;;) {
      let unit = readUnit(nested);
      if (unit === undefined) return link(items);
      for (;;) {
        const times = readCount(nested);
        if (times === undefined) break;
        unit = [{ kind: "repeat", rule: asRule(unit), ...times, done: 0 }];
      }
      for (const item of unit) items.push(item);
    }
  }

  function asRule(unit: readonly Unlinked[]): Rule {
    const [only] = unit;
    if (unit.length === 1 && only?.kind === "rule") return only.rule;
    const rule = addRule("");
    rule.options.push(link(unit));
    return rule;
  }

  function readUnit(nested: boolean): Unlinked[] | undefined {
    const unit = readBareUnit();
    if (unit !== undefined) skipSpace(nested);
    return unit;
  }

  function readBareUnit(): Unlinked[] | undefined {
    const char = text[at];
    if (char === '"') return readLiteral();
    if (char === "[") return [{ kind: "chars", ranges: readClass() }];
    if (char === "(") return [{ kind: "rule", rule: readGroup() }];
    if (char === ".") {
      at++;
      return [{ kind: "chars", ranges: allChars }];
    }
    if (char === "<" || char === "!") {
      throw new GbnfError("names tokens (<[1]>, <name>, !<[1]>), which are not supported: write the text of the token");
    }
    const found = matches(name);
    return found === undefined ? undefined : [{ kind: "rule", rule: ruleNamed(found) }];
  }

  function readGroup(): Rule {
    at++;
    nesting++;
    if (nesting > maxNesting) throw new GbnfError(`nests groups more than ${maxNesting} deep`);
    skipSpace(true);
    const rule = addRule("");
    for (const option of readOptions(true)) rule.options.push(option);
    if (text[at] !== ")") fail('")" is missing');
    at++;
    nesting--;
    return rule;
  }

  function readLiteral(): Unlinked[] {
    at++;
    const items: Unlinked[] = [];
    while (text[at] !== '"') {
      items.push({ kind: "chars", ranges: rangesOf(readChar()) });
    }
    at++;
    return items.length === 0 ? [{ kind: "rule", rule: emptyRule() }] : items;
  }

  function rangesOf(char: number): CharSet {
    let ranges = single.get(char);
    if (ranges === undefined) single.set(char, (ranges = demand([[char, char]], false)));
    return ranges;
  }

  function emptyRule(): Rule {
    const rule = addRule("");
    rule.options.push(undefined);
    return rule;
  }

  function readClass(): CharSet {
    at++;
    const negated = text[at] === "^";
    if (negated) at++;
    const given: [number, number][] = [];
    while (text[at] !== "]") {
      const first = readChar();
      let last = first;
      if (text[at] === "-" && text[at + 1] !== "]") {
        at++;
        last = readChar();
      }
      given.push([first, last]);
    }
    at++;
    return demand(given, negated);
  }

  /** Rejects an empty set of characters, since it would allow no text. */
  function demand(given: CharSet, negated: boolean): CharSet {
    const ranges = charRanges(given, negated);
    if (ranges.length > 0) return ranges;
    if (given.some(([first]) => first === 0)) throw new GbnfError("demands a NUL character, which no model writes");
    return fail("a character set allows no character");
  }

  function readChar(): number {
    if (at >= text.length) fail("it ends within a literal or a class");
    if (text[at] !== "\\") {
      const char = text.codePointAt(at) ?? 0;
      at += char > 0xffff ? 2 : 1;
      return char;
    }
    const letter = text.charAt(at + 1);
    const digits = hexDigits[letter];
    const value = digits === undefined ? escapes[letter] : readHex(digits);
    if (value === undefined || value > 0x10ffff) fail("an escape is unknown");
    at += 2 + (digits ?? 0);
    return value;
  }

  function readHex(digits: number): number | undefined {
    const hex = text.slice(at + 2, at + 2 + digits);
    return hex.length === digits && /^[0-9A-Fa-f]+$/.test(hex) ? Number.parseInt(hex, 16) : undefined;
  }

  function readCount(nested: boolean): { min: number; max: number } | undefined {
    const simple = text.charAt(at);
    if (simple === "*" || simple === "+" || simple === "?") {
      at++;
      skipSpace(nested);
      return { min: simple === "+" ? 1 : 0, max: simple === "?" ? 1 : Infinity };
    }
    if (simple !== "{") return undefined;
    const braces = matches(count) ?? fail("a repetition has no count");
    skipSpace(nested);
    const [low = "", high] = braces.slice(1, -1).split(",");
    const min = Number(low);
    const max = high === undefined ? min : high.trim() === "" ? Infinity : Number(high);
    if (min > maxRepetitions || (max > maxRepetitions && max !== Infinity)) {
      throw new GbnfError(`has a repetition of more than ${maxRepetitions} times`);
    }
    if (max < min) fail("a repetition ends before it begins");
    return { min, max };
  }

  skipSpace(true);
  while (at < text.length) readRule();
  const missing = [...named.values()].find(({ options }) => options.length === 0);
  const root = named.get("root");
  if (root === undefined || root === missing) throw new GbnfError("has no rule named root");
  if (missing !== undefined) throw new GbnfError(`is not valid GBNF: rule ${missing.name} is not defined`);
  return { root, rules };
}

function link(items: readonly Unlinked[]): Element | undefined {
  let next: Element | undefined;
  for (let i = items.length - 1; i >= 0; i--) {
    const item = items[i];
    if (item?.kind === "chars") next = { kind: "chars", ranges: item.ranges, next };
    else if (item !== undefined) next = { ...item, next };
  }
  return next;
}
