// Compares the parser and the matcher with a small second reader of printed grammars, which finds every end of every item.
import fc from "fast-check";
import { expect, inject, it } from "vitest";
import { jsonSchemaToGbnf } from "../json-schema/index.ts";
import { matchGbnf, readGbnf } from "../testing/match-gbnf.ts";
import { createSampler, seededRandom } from "../testing/sample-gbnf.ts";
import { typedSchemas, withDefinitions } from "../testing/typed-schemas.ts";

type Places = ReadonlySet<number>;
/** The places where an item that begins at a place of the text can end. */
type Item = (at: number) => Places;

const tokens = /"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{[\d,]+\}|[A-Za-z0-9-]+|[()|*+?]/g;
const char = String.raw`\\x..|\\u....|\\U.{8}|\\?.`;
const [chars, ranges] = [new RegExp(char, "gu"), new RegExp(`(${char})(?:-(${char}))?`, "gu")];
const simpleCounts: Readonly<Record<string, string>> = { "*": "{0,}", "+": "{1,}", "?": "{0,1}" };

function codeOf(one: string): number {
  const plain = one.startsWith("\\") ? one.slice(1) : one;
  return plain.length > 2 ? Number.parseInt(plain.slice(1), 16) : (plain.codePointAt(0) ?? 0);
}

function createSecondMatcher(gbnf: string): (text: string) => boolean {
  const rules = new Map<string, Item>();
  /** The ends of rules in the present text, by name and place. */
  const known = new Map<string, Places>();
  let codes: readonly number[] = [];

  const after = (places: Places, item: Item): Places => new Set([...places].flatMap((at) => [...item(at)]));
  const inRow =
    (items: readonly Item[]): Item =>
    (at) =>
      items.reduce(after, new Set([at]) as Places);
  const oneOf =
    (set: readonly (readonly [number, number])[]): Item =>
    (at) =>
      new Set(set.some(([from, to]) => from <= (codes[at] ?? -1) && (codes[at] ?? -1) <= to) ? [at + 1] : []);

  function readOptions(words: string[]): Item {
    const options: Item[][] = [[]];
    while (words.length > 0 && words[0] !== ")") {
      const word = words.shift() ?? "";
      if (word === "|") options.push([]);
      else options.at(-1)?.push(readCount(readItem(word, words), words));
    }
    words.shift();
    return (at) => new Set(options.flatMap((row) => [...inRow(row)(at)]));
  }

  function readItem(word: string, words: string[]): Item {
    if (word === "(") return readOptions(words);
    const inside = word.slice(1, -1);
    if (word.startsWith('"'))
      return inRow((inside.match(chars) ?? []).map((one) => oneOf([[codeOf(one), codeOf(one)]])));
    if (word.startsWith("["))
      return oneOf(Array.from(inside.matchAll(ranges), ([, a = "", b = a]) => [codeOf(a), codeOf(b)]));
    return (at) => {
      const key = `${word} ${at}`;
      const ends = known.get(key) ?? rules.get(word)?.(at) ?? new Set();
      known.set(key, ends);
      return ends;
    };
  }

  function readCount(item: Item, words: string[]): Item {
    const [, low, comma, high] = /^\{(\d+)(,)?(\d*)\}$/.exec(simpleCounts[words[0] ?? ""] ?? words[0] ?? "") ?? [];
    if (low === undefined) return item;
    words.shift();
    const [min, max] = [Number(low), comma === undefined ? Number(low) : Number(high || Infinity)];
    return (at) => {
      const ends = new Set(min === 0 ? [at] : []);
      let [places, before]: [Places, number] = [new Set([at]), -1];
      for (let count = 1; count <= max && (count <= min + 1 || ends.size > before); count += 1) {
        [places, before] = [after(places, item), ends.size];
        if (count >= min) for (const end of places) ends.add(end);
      }
      return ends;
    };
  }

  for (const [, name = "", body = ""] of gbnf.matchAll(/^(\S+) ::= (.*)$/gm))
    rules.set(name, readOptions(body.match(tokens) ?? []));
  return (text) => {
    codes = Array.from(text, (one) => one.codePointAt(0) ?? 0);
    known.clear();
    return rules.get("root")?.(0).has(codes.length) ?? false;
  };
}

/** Returns the text with another, an additional or a missing character. */
function changed(text: string, random: () => number): string {
  const pick = <T>(items: readonly T[]): T => items[Math.floor(random() * items.length)] as T;
  const all = [...text];
  const at = pick([...all.keys()]);
  const other = pick([...all, ...'" \\,{}[]0-1.eé😀']);
  return [...all.slice(0, at), ...pick([[], [other], [other, all[at]]]), ...all.slice(at + 1)].join("");
}

it("accepts the same texts as a small second matcher", () => {
  const counts = { accepted: 0, refused: 0 };
  fc.assert(
    fc.property(typedSchemas, fc.nat(), (typed, seed) => {
      const gbnf = jsonSchemaToGbnf(withDefinitions(typed));
      const [grammar, accepts, random] = [readGbnf(gbnf), createSecondMatcher(gbnf), seededRandom(seed)];
      const sample = createSampler(grammar);
      const samples = [sample(random), sample(random)];
      for (const text of samples.flatMap((one) => [one, ...Array.from({ length: 5 }, () => changed(one, random))])) {
        const { accepted } = matchGbnf(grammar, text);
        expect(accepts(text), `${text}\n${gbnf}`).toBe(accepted);
        counts[accepted ? "accepted" : "refused"] += 1;
      }
    }),
    { numRuns: inject("runs").slowProperty },
  );
  expect(Math.min(counts.accepted, counts.refused)).toBeGreaterThan(40);
});
