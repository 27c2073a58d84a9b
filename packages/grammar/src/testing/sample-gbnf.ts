// Generates random texts of a grammar, for tests. Once a text is long, it ends in the shortest possible way.
import type { CharsElement, Element, Grammar, Rule } from "../gbnf/index.ts";

/** Returns a number in [0, 1). */
export type Random = () => number;

/** A text counts as long above this number of characters, or this depth of rules. */
const longWalk = 400;

/** A random number generator that returns the same numbers for the same seed. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function createSampler({ root, rules }: Grammar): (random: Random) => string {
  const shortest = shortestTexts(rules);

  return (random) => {
    const text: string[] = [];
    const isLong = (depth: number): boolean => text.length > longWalk || depth > longWalk;

    function walkRule(rule: Rule, depth: number): void {
      const least = isLong(depth) ? shortest.get(rule) : undefined;
      const open = rule.options.filter((option) => least === undefined || lengthOf(option, shortest) === least);
      const option = open.length === 1 ? open[0] : open[Math.floor(random() * open.length)];
      for (let element = option; element !== undefined; element = element.next) walk(element, depth);
    }

    function walk(element: Element, depth: number): void {
      if (element.kind === "chars") {
        text.push(pickChar(element.ranges, random));
        return;
      }
      const { min, max } = element.kind === "rule" ? { min: 1, max: 1 } : element;
      const count = max === 1 && min === 1 ? 1 : isLong(depth) ? min : pickCount(min, max, random);
      // Groups have no name, and do not count as depth.
      for (let i = 0; i < count; i += 1) walkRule(element.rule, depth + (element.rule.name === "" ? 0 : 1));
    }

    walkRule(root, 0);
    return text.join("");
  };
}

function pickChar(ranges: CharsElement["ranges"], random: Random): string {
  const ascii = ranges.filter(([first]) => first < 0x7f);
  const from = ascii.length > 0 && random() < 0.7 ? ascii.map(([a, b]) => [a, Math.min(b, 0x7e)] as const) : ranges;
  const [first, last] = from[Math.floor(random() * from.length)] ?? [0, 0];
  const draw = random();
  if (draw < 0.1) return String.fromCodePoint(first);
  if (draw < 0.2) return String.fromCodePoint(last);
  return String.fromCodePoint(first + Math.floor(random() * (last - first + 1)));
}

/** Often picks the smallest and the largest count, where errors are most likely. */
function pickCount(min: number, max: number, random: Random): number {
  const draw = random();
  if (draw < 0.2) return min;
  if (draw < 0.35 && max !== Infinity) return max;
  return Math.min(max, min + Math.floor(random() ** 2 * 8));
}

/** The length of each rule's shortest text. @throws Error for a rule without a finite text */
function shortestTexts(rules: readonly Rule[]): ReadonlyMap<Rule, number> {
  const shortest = new Map<Rule, number>();
  for (let changed = true; changed;) {
    changed = false;
    for (const rule of rules) {
      const length = Math.min(...rule.options.map((option) => lengthOf(option, shortest)));
      if (length >= (shortest.get(rule) ?? Infinity)) continue;
      shortest.set(rule, length);
      changed = true;
    }
  }
  for (const rule of rules) if (!shortest.has(rule)) throw new Error(`Rule ${rule.name} has no finite text`);
  return shortest;
}

function lengthOf(option: Element | undefined, shortest: ReadonlyMap<Rule, number>): number {
  let length = 0;
  for (let element = option; element !== undefined; element = element.next) {
    if (element.kind === "chars") length += 1;
    else if (element.kind === "rule") length += shortest.get(element.rule) ?? Infinity;
    else if (element.min > 0) length += element.min * (shortest.get(element.rule) ?? Infinity);
  }
  return length;
}
