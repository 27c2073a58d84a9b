// Owns the question whether a grammar accepts a text, for tests: all ways at once, as llama.cpp follows them.
import type { Gbnf, GbnfItem } from "./read-gbnf.ts";

/** What is still to be matched: an item, then the rest. Equal ones are the same object. */
interface Frame {
  readonly item: GbnfItem;
  readonly rest: Frame | undefined;
}

export interface GbnfMatch {
  readonly accepted: boolean;
  /** Most ways that were open at once: what it costs llama.cpp to check a token. */
  readonly widest: number;
}

export function matchGbnf(grammar: Gbnf, text: string): GbnfMatch {
  const frames = new Map<GbnfItem, Map<Frame | undefined, Frame>>();
  const repeats = new Map<GbnfItem, Map<string, GbnfItem>>();

  function frame(item: GbnfItem, rest: Frame | undefined): Frame {
    const ofItem = frames.get(item) ?? new Map<Frame | undefined, Frame>();
    frames.set(item, ofItem);
    const known = ofItem.get(rest) ?? { item, rest };
    ofItem.set(rest, known);
    return known;
  }

  function times(item: GbnfItem, min: number, max: number): GbnfItem {
    const ofItem = repeats.get(item) ?? new Map<string, GbnfItem>();
    repeats.set(item, ofItem);
    const known = ofItem.get(`${min} ${max}`) ?? { kind: "times" as const, item, min, max };
    ofItem.set(`${min} ${max}`, known);
    return known;
  }

  /** The frames that begin with a character, and undefined for the end, that `start` leads to. */
  function open(start: Frame | undefined, ends: Set<Frame | undefined>): void {
    const seen = new Set<Frame | undefined>();
    const waiting = [start];
    while (waiting.length > 0) {
      const current = waiting.pop();
      if (seen.has(current)) continue;
      seen.add(current);
      if (current === undefined || current.item.kind === "char") ends.add(current);
      else waiting.push(...step(current.item, current.rest));
    }
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

  let ways = new Set<Frame | undefined>();
  open(frame({ kind: "rule", name: "root" }, undefined), ways);
  let widest = ways.size;
  for (const char of text) {
    const code = char.codePointAt(0) ?? 0;
    const next = new Set<Frame | undefined>();
    for (const way of ways) {
      if (way?.item.kind !== "char") continue;
      if (way.item.ranges.some(([first, last]) => first <= code && code <= last)) open(way.rest, next);
    }
    ways = next;
    widest = Math.max(widest, ways.size);
  }
  return { accepted: ways.has(undefined), widest };
}
