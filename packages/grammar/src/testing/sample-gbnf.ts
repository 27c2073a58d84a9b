// Generates random texts of a grammar, for tests. Once a text is long, it ends in the shortest possible way.
import type { Gbnf, GbnfItem } from "./read-gbnf.ts";

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

export function createSampler(grammar: Gbnf): (random: Random) => string {
  const shortest = shortestWays(grammar);

  function lengthOf(item: GbnfItem): number {
    return itemLength(item, shortest);
  }

  return (random) => {
    const text: string[] = [];

    function walk(item: GbnfItem, depth: number): void {
      const isLong = text.length > longWalk || depth > longWalk;
      switch (item.kind) {
        case "char":
          text.push(pickChar(item.ranges, random));
          return;
        case "rule":
          walk(grammar.get(item.name) ?? { kind: "row", items: [] }, depth + 1);
          return;
        case "row":
          for (const part of item.items) walk(part, depth);
          return;
        case "either": {
          const least = Math.min(...item.options.map(lengthOf));
          const open = item.options.filter((option) => !isLong || lengthOf(option) === least);
          walk(open[Math.floor(random() * open.length)] ?? { kind: "row", items: [] }, depth);
          return;
        }
        case "times": {
          const count = isLong ? item.min : pickCount(item.min, item.max, random);
          for (let i = 0; i < count; i += 1) walk(item.item, depth);
        }
      }
    }

    walk({ kind: "rule", name: "root" }, 0);
    return text.join("");
  };
}

function pickChar(ranges: readonly (readonly [number, number])[], random: Random): string {
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

function shortestWays(grammar: Gbnf): ReadonlyMap<string, number> {
  const shortest = new Map<string, number>();
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, item] of grammar) {
      const length = itemLength(item, shortest);
      if (length < (shortest.get(name) ?? Infinity)) {
        shortest.set(name, length);
        changed = true;
      }
    }
  }
  for (const name of grammar.keys()) if (!shortest.has(name)) throw new Error(`Rule ${name} has no finite text`);
  return shortest;
}

function itemLength(item: GbnfItem, shortest: ReadonlyMap<string, number>): number {
  switch (item.kind) {
    case "char":
      return 1;
    case "rule":
      return shortest.get(item.name) ?? Infinity;
    case "row":
      return item.items.reduce((sum, part) => sum + itemLength(part, shortest), 0);
    case "either":
      return Math.min(...item.options.map((option) => itemLength(option, shortest)));
    case "times":
      return item.min === 0 ? 0 : item.min * itemLength(item.item, shortest);
  }
}
