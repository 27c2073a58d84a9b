// Checks whether a grammar accepts a JSON value in any order of its members and any usual spelling of its numbers.
import { AmbiguityError } from "../gbnf/index.ts";
import { createGbnfMatcher, readGbnf, type GbnfMatcher, type Ways } from "./match-gbnf.ts";

/** `undecided`: the search reached a limit. */
export type Verdict = "accepted" | "rejected" | "undecided";

/** Limit of steps for the search over all orders of members. */
const mostOrders = 150;
/** Limit of steps for the search over likely orders. */
const mostPlaces = 20_000;

class TooManyOrders extends Error {}

/**
 * Returns a function that checks whether the grammar has a text for a value. The grammar determines the order of members: wherever a member may
 * begin, the search tries each member that is not written yet, without white space. The first search skips orders in which a member that was
 * possible becomes impossible. If the first search reaches its limit, the result is "undecided". If the first search finds no text, a second
 * search tries all orders. If the second search finds no text within its limit, the value is rejected.
 * @param gbnf a grammar of `jsonSchemaToGbnf`
 */
export function createInstanceMatcher(gbnf: string): (value: unknown) => Verdict {
  const matcher = createGbnfMatcher(readGbnf(gbnf));
  return (value) => {
    const likely = attempt(() => createSearch(matcher, true)(value));
    if (likely !== "rejected") return likely;
    return attempt(() => createSearch(matcher, false)(value)) === "accepted" ? "accepted" : "rejected";
  };
}

function attempt(search: () => boolean): Verdict {
  try {
    return search() ? "accepted" : "rejected";
  } catch (error) {
    if (error instanceof TooManyOrders || error instanceof AmbiguityError) return "undecided";
    throw error;
  }
}

function createSearch(matcher: GbnfMatcher, likely: boolean): (value: unknown) => boolean {
  let orders = 0;
  /** Cached results of `write`, by value and by position in the grammar. */
  const found = new Map<unknown, Map<Ways, readonly Ways[]>>();
  const ids = new Map<Ways, number>();

  function idOf(ways: Ways): number {
    const id = ids.get(ways) ?? ids.size;
    ids.set(ways, id);
    return id;
  }

  function after(ways: Ways, text: string): readonly Ways[] {
    const next = matcher.advance(ways, text);
    return next === undefined ? [] : [next];
  }

  /** The possible positions in the grammar after the value. */
  function write(value: unknown, ways: Ways): readonly Ways[] {
    if (typeof value === "number") return unique(spellings(value).flatMap((text) => after(ways, text)));
    if (typeof value !== "object" || value === null) return after(ways, JSON.stringify(value));
    const spelled = spelledText(value);
    if (spelled !== undefined) return after(ways, spelled);
    const ofValue = found.get(value) ?? new Map<Ways, readonly Ways[]>();
    found.set(value, ofValue);
    const known = ofValue.get(ways);
    if (known !== undefined) return known;
    const result = Array.isArray(value) ? writeArray(value, ways) : writeObject(Object.entries(value), ways);
    ofValue.set(ways, result);
    return result;
  }

  function writeArray(items: readonly unknown[], ways: Ways): readonly Ways[] {
    let places = after(ways, "[");
    for (const [index, item] of items.entries()) {
      const before = index === 0 ? places : places.flatMap((place) => after(place, ","));
      places = unique(before.flatMap((place) => write(item, place)));
    }
    return unique(places.flatMap((place) => after(place, "]")));
  }

  function writeObject(members: readonly (readonly [string, unknown])[], ways: Ways): readonly Ways[] {
    const ends = new Set<Ways>();
    const seen = new Set<string>();

    function go(place: Ways, left: readonly number[]): void {
      const key = `${idOf(place)}:${left.join(",")}`;
      if (seen.has(key)) return;
      seen.add(key);
      orders += 1;
      if (orders > (likely ? mostPlaces : mostOrders)) throw new TooManyOrders();
      if (left.length === 0) {
        for (const end of after(place, "}")) ends.add(end);
        return;
      }
      const comma = left.length === members.length ? "" : ",";
      const begun = left.flatMap((index) => {
        const next = matcher.advance(place, `${comma}${JSON.stringify(members[index]?.[0])}:`);
        return next === undefined ? [] : [{ index, next }];
      });
      const written = begun.map(({ index, next }) => ({ index, places: write(members[index]?.[1], next) }));
      // If a member leads back to the same position, it can be written first.
      const free = written.find(({ places }) => places.length === 1 && places[0] === place);
      for (const { index, places } of free === undefined ? written : [free]) {
        const others = left.filter((other) => other !== index);
        for (const next of places) if (!likely || !isLost(begun, index, next)) go(next, others);
        // One order is enough: other orders lead to the same positions.
        if (ends.size > 0) return;
      }
    }

    function isLost(begun: readonly { readonly index: number }[], written: number, place: Ways): boolean {
      return begun.some(
        ({ index }) =>
          index !== written && matcher.advance(place, `,${JSON.stringify(members[index]?.[0])}:`) === undefined,
      );
    }

    for (const start of after(ways, "{")) {
      go(
        start,
        members.map((_, index) => index),
      );
    }
    return [...ends];
  }

  return (value) => write(value, matcher.start).some(({ complete }) => complete);
}

function unique(ways: readonly Ways[]): readonly Ways[] {
  return [...new Set(ways)];
}

/** The number as JSON.stringify writes it, and without an exponent. */
function spellings(value: number): readonly string[] {
  const text = JSON.stringify(value);
  if (!text.includes("e")) return [text];
  return [text, value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 })];
}

/** Name of the member that keeps the spelling of a number that JSON.stringify would write differently, such as 12345.0. */
const spelledNumber = "\u0000number";

/** Parses JSON, and keeps the unusual spellings of numbers, so that the matcher looks for the original text. */
export function parseAsWritten(json: string): unknown {
  const marked = json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (token) => {
    if (token.startsWith('"') || JSON.stringify(Number(token)) === token) return token;
    return JSON.stringify({ [spelledNumber]: token });
  });
  return JSON.parse(marked);
}

function spelledText(value: object): string | undefined {
  const text: unknown = Object.hasOwn(value, spelledNumber) ? Object.values(value)[0] : undefined;
  return typeof text === "string" ? text : undefined;
}
