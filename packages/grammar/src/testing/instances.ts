// Owns the question whether a grammar has a JSON value at all: in some order of its members, in some usual spelling of its numbers.
import { createGbnfMatcher, MatcherLimitError, type GbnfMatcher, type Ways } from "./match-gbnf.ts";
import { readGbnf } from "./read-gbnf.ts";

/** `undecided`: the matcher would have had to remember too much. */
export type Verdict = "accepted" | "rejected" | "undecided";

/** Orders of members looked into for one value, beyond those that are likely. */
const mostOrders = 150;
/** All of them together. */
const mostPlaces = 20_000;

class TooManyOrders extends Error {}

/**
 * Tells of a value whether the grammar has a text for it. The grammar writes members in an order of its own, so each object is written
 * as the grammar lets it: wherever a member may begin, each that is still to be written is tried, with no white space. First no way is
 * followed on which a member that could have been written no longer can; then `mostOrders` others are, and what is not found is rejected.
 * @param gbnf as `jsonSchemaToGbnf` prints it
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
    if (error instanceof TooManyOrders || error instanceof MatcherLimitError) return "undecided";
    throw error;
  }
}

function createSearch(matcher: GbnfMatcher, likely: boolean): (value: unknown) => boolean {
  let orders = 0;
  /** What was found out about a value in a place. */
  const found = new Map<unknown, Map<Ways, readonly Ways[]>>();

  function after(ways: Ways, text: string): readonly Ways[] {
    const next = matcher.advance(ways, text);
    return next === undefined ? [] : [next];
  }

  /** Where the text can stand when the value has been written. */
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
      const key = `${place.id}:${left.join(",")}`;
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
      // Whatever leads back to the same place may as well come first.
      const free = written.find(({ places }) => places.length === 1 && places[0] === place);
      for (const { index, places } of free === undefined ? written : [free]) {
        const others = left.filter((other) => other !== index);
        for (const next of places) if (!likely || !isLost(begun, index, next)) go(next, others);
        // One way through is enough: what differs after it differs by spelling alone.
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

/** As JSON.stringify writes it, and without an exponent. */
function spellings(value: number): readonly string[] {
  const text = JSON.stringify(value);
  if (!text.includes("e")) return [text];
  return [text, value.toLocaleString("en-US", { useGrouping: false, maximumFractionDigits: 20 })];
}

/** Stands for a number that JSON.parse would read as another text says it, 12345.0 for one. */
const spelledNumber = "\u0000number";

/** The value of a text, numbers in an unusual spelling kept as they are, so that the text which is looked for is the one that was written. */
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
