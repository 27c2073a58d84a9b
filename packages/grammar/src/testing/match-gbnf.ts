// Matches texts against a grammar, for tests. The matcher follows all ways to continue at once. Equal sets of ways are one object, which caches
// results.
import type { Gbnf, GbnfItem } from "./read-gbnf.ts";

/** Limit for the number of frames and entries in sets of ways that a matcher remembers for one grammar. */
const mostRemembered = 3_000_000;

/** The matcher has reached `mostRemembered`. */
export class MatcherLimitError extends Error {}

/** One way to continue: an item, then the rest. Equal frames are the same object. */
interface Frame {
  readonly id: number;
  readonly item: GbnfItem;
  readonly rest: Frame | undefined;
}

/** All ways to continue after a text. Equal sets are the same object. */
export interface Ways {
  readonly id: number;
  /** Number of ways, including the end of the text. */
  readonly count: number;
  /** The text may end here. */
  readonly complete: boolean;
  readonly frames: readonly Frame[];
  readonly steps: Map<number, Ways | undefined>;
}

export interface GbnfMatcher {
  readonly start: Ways;
  /** The ways to continue after `text`; undefined if no text of the grammar continues with `text`. */
  advance(ways: Ways, text: string): Ways | undefined;
}

interface GbnfMatch {
  readonly accepted: boolean;
  /** Length of the longest prefix of the text that begins a text of the grammar. */
  readonly matched: number;
  /** Largest number of ways that were open at once, which is the cost of checking a token. */
  readonly widest: number;
}

export function matchGbnf(grammar: Gbnf, text: string): GbnfMatch {
  const { start, advance } = createGbnfMatcher(grammar);
  let widest = start.count;
  let ways: Ways | undefined = start;
  let matched = 0;
  for (const char of text) {
    ways = advance(ways, char);
    if (ways === undefined) return { accepted: false, matched, widest };
    matched += char.length;
    widest = Math.max(widest, ways.count);
  }
  return { accepted: ways.complete, matched, widest };
}

export function createGbnfMatcher(grammar: Gbnf): GbnfMatcher {
  const frames = new Map<GbnfItem, Map<Frame | undefined, Frame>>();
  const repeats = new Map<GbnfItem, Map<string, GbnfItem>>();
  const known = new Map<string, Ways>();
  const opened = new Map<Frame | undefined, ReadonlySet<Frame | undefined>>();
  let frameCount = 0;
  let remembered = 0;

  function remember(count: number): void {
    remembered += count;
    if (remembered > mostRemembered)
      throw new MatcherLimitError(`The matcher remembers more than ${mostRemembered} ways`);
  }

  function frame(item: GbnfItem, rest: Frame | undefined): Frame {
    const ofItem = frames.get(item) ?? new Map<Frame | undefined, Frame>();
    frames.set(item, ofItem);
    const same = ofItem.get(rest);
    if (same !== undefined) return same;
    remember(1);
    const found = { id: (frameCount += 1), item, rest };
    ofItem.set(rest, found);
    return found;
  }

  function times(item: GbnfItem, min: number, max: number): GbnfItem {
    const ofItem = repeats.get(item) ?? new Map<string, GbnfItem>();
    repeats.set(item, ofItem);
    const found = ofItem.get(`${min} ${max}`) ?? { kind: "times" as const, item, min, max };
    ofItem.set(`${min} ${max}`, found);
    return found;
  }

  /** The frames that begin with a character and that can be reached from `start`; undefined represents the end of the text. */
  function open(start: Frame | undefined): ReadonlySet<Frame | undefined> {
    const before = opened.get(start);
    if (before !== undefined) return before;
    const ends = new Set<Frame | undefined>();
    const seen = new Set<Frame | undefined>();
    const waiting = [start];
    while (waiting.length > 0) {
      const current = waiting.pop();
      if (seen.has(current)) continue;
      seen.add(current);
      if (current === undefined || current.item.kind === "char") ends.add(current);
      else waiting.push(...step(current.item, current.rest));
    }
    remember(ends.size);
    opened.set(start, ends);
    return ends;
  }

  function step(item: Exclude<GbnfItem, { kind: "char" }>, rest: Frame | undefined): readonly (Frame | undefined)[] {
    switch (item.kind) {
      case "rule":
        return [frame(grammar.get(item.name) ?? { kind: "row", items: [] }, rest)];
      case "row":
        return [item.items.reduceRight<Frame | undefined>((after, part) => frame(part, after), rest)];
      case "either":
        return item.options.map((option) => frame(option, rest));
      case "times": {
        if (item.max === 0) return [rest];
        const more = frame(item.item, frame(times(item.item, Math.max(0, item.min - 1), item.max - 1), rest));
        return item.min === 0 ? [rest, more] : [more];
      }
    }
  }

  function waysOf(found: ReadonlySet<Frame | undefined>): Ways {
    const ids = [...found].map((one) => one?.id ?? 0).toSorted((a, b) => a - b);
    const key = ids.join(" ");
    const same = known.get(key);
    if (same !== undefined) return same;
    remember(2 * found.size);
    const ways: Ways = {
      id: known.size,
      count: found.size,
      complete: found.has(undefined),
      frames: [...found].filter((one) => one !== undefined),
      steps: new Map(),
    };
    known.set(key, ways);
    return ways;
  }

  function stepChar(ways: Ways, code: number): Ways | undefined {
    if (ways.steps.has(code)) return ways.steps.get(code);
    const next = new Set<Frame | undefined>();
    for (const { item, rest } of ways.frames) {
      if (item.kind !== "char" || !item.ranges.some(([first, last]) => first <= code && code <= last)) continue;
      for (const end of open(rest)) next.add(end);
    }
    const result = next.size === 0 ? undefined : waysOf(next);
    ways.steps.set(code, result);
    return result;
  }

  return {
    start: waysOf(open(frame({ kind: "rule", name: "root" }, undefined))),
    advance: (from, text) => {
      let ways: Ways | undefined = from;
      for (const char of text) {
        if (ways === undefined) return undefined;
        ways = stepChar(ways, char.codePointAt(0) ?? 0);
      }
      return ways;
    },
  };
}
