// Defines regular languages over characters: combinations of languages, and the rest of a language after a character (Brzozowski's derivatives).
// Equal constructions return the same object. This keeps the number of derivatives finite, and languages are compared by identity.
import { anyChar, hasChar, noChar, setKey, uniteSets, type CharSet } from "./char-set.ts";

export type Language = LanguageShape & {
  readonly id: number;
  /** Whether the language contains the empty text. */
  readonly nullable: boolean;
};

type LanguageShape =
  | { readonly kind: "none" }
  | { readonly kind: "empty" }
  | { readonly kind: "set"; readonly set: CharSet }
  | { readonly kind: "concat"; readonly head: Language; readonly tail: Language }
  | { readonly kind: "union"; readonly options: readonly Language[] }
  | { readonly kind: "repeat"; readonly item: Language; readonly min: number; readonly max: number }
  | { readonly kind: "intersection"; readonly items: readonly Language[] }
  | { readonly kind: "complement"; readonly item: Language };

/** This many combined character ranges count as one step of `GrammarLimits.steps`. */
const rangesPerStep = 8;

export interface Languages {
  spend(steps: number): void;
  /** The language without texts. */
  readonly none: Language;
  /** The language of the empty text. */
  readonly empty: Language;
  /** All characters of the texts. */
  readonly alphabet: CharSet;
  /** All texts of one character. */
  readonly anyOne: Language;
  /** All texts. */
  readonly all: Language;
  set(set: CharSet): Language;
  concat(parts: readonly Language[]): Language;
  union(parts: readonly Language[]): Language;
  /** `item` from `min` to `max` times; `max` may be Infinity. */
  repeat(item: Language, min: number, max: number): Language;
  intersection(parts: readonly Language[]): Language;
  complement(item: Language): Language;
  /** The texts that, with `char` before them, are in `language`. */
  derive(language: Language, char: number): Language;
}

/**
 * @param spend called before each piece of work; may throw an error to end the work
 * @param marks noncharacters that texts may contain in addition to `anyChar`
 */
export function createLanguages(spend: (steps: number) => void, marks = noChar): Languages {
  const alphabet = marks.length === 0 ? anyChar : uniteSets(anyChar, marks);
  const known = new Map<string, Language>();
  const derivatives = new Map<Language, Map<number, Language>>();

  function make(key: string, nullable: boolean, shape: LanguageShape): Language {
    const existing = known.get(key);
    if (existing !== undefined) return existing;
    const language: Language = { ...shape, id: known.size, nullable };
    known.set(key, language);
    return language;
  }

  const none = make("none", false, { kind: "none" });
  const empty = make("empty", true, { kind: "empty" });
  const anyOne = set(alphabet);
  const all = repeat(anyOne, 0, Infinity);

  function set(chars: CharSet): Language {
    if (chars.length === 0) return none;
    spend(chars.length);
    return make(`set ${setKey(chars)}`, false, { kind: "set", set: chars });
  }

  function concat(parts: readonly Language[]): Language {
    return parts.reduceRight((tail, head) => prepend(head, tail), empty);
  }

  function prepend(head: Language, tail: Language): Language {
    const row = concatenatedParts(head);
    spend(row.length);
    return row.reduceRight((rest, part) => concatTwo(part, rest), tail);
  }

  /** Concatenates two languages. `head` must not be a concatenation. */
  function concatTwo(head: Language, tail: Language): Language {
    if (head === none || tail === none) return none;
    if (head === empty) return tail;
    if (tail === empty) return head;
    const next = tail.kind === "concat" ? tail.head : tail;
    if (itemOf(head) === itemOf(next) && (head.kind === "repeat" || next.kind === "repeat")) {
      const [a, b] = [countOf(head), countOf(next)];
      return concatTwo(repeat(itemOf(head), a.min + b.min, a.max + b.max), tail.kind === "concat" ? tail.tail : empty);
    }
    return make(`concat ${head.id} ${tail.id}`, head.nullable && tail.nullable, { kind: "concat", head, tail });
  }

  function repeat(item: Language, min: number, max: number): Language {
    if (item === none) return min === 0 ? empty : none;
    if (item === empty || max === 0) return empty;
    if (min === 1 && max === 1) return item;
    if (item.kind === "repeat" && item.min === 0 && item.max === Infinity) return item;
    if (item.kind === "repeat" && item.min === 0 && item.max === 1) return repeat(item.item, 0, max);
    const least = item.nullable ? 0 : min;
    return make(`repeat ${item.id} ${least} ${max}`, least === 0, { kind: "repeat", item, min: least, max });
  }

  function union(parts: readonly Language[]): Language {
    const flat = new Set(parts.flatMap((part) => (part.kind === "union" ? part.options : [part])));
    spend(flat.size);
    flat.delete(none);
    if (flat.has(all)) return all;
    const chars = [...flat].flatMap((part) => (part.kind === "set" ? [part.set] : []));
    spend(chars.reduce((ranges, set) => ranges + set.length, 0) / rangesPerStep);
    const others = [...flat].filter((part) => part.kind !== "set" && part !== empty);
    const options = joinCounts([...others, ...(chars.length > 0 ? [set(uniteSets(...chars))] : [])]);
    const alternatives = options.toSorted((a, b) => a.id - b.id);
    const nullable = alternatives.some((option) => option.nullable);
    const key = `union ${alternatives.map(({ id }) => id).join(" ")}`;
    const [first] = alternatives;
    if (first === undefined) return flat.has(empty) ? empty : none;
    const joined = alternatives.length === 1 ? first : make(key, nullable, { kind: "union", options: alternatives });
    return flat.has(empty) && !nullable ? repeat(joined, 0, 1) : joined;
  }

  /** Joins overlapping counts, such as `a{0,3}` and `a{2,7}` to `a{0,7}`. Otherwise derivatives of counted repetitions would accumulate. */
  function joinCounts(options: readonly Language[]): readonly Language[] {
    const groups = new Map<Language, Language[]>();
    for (const option of options) {
      const members = groups.get(itemOf(option));
      if (members === undefined) groups.set(itemOf(option), [option]);
      else members.push(option);
    }
    return [...groups].flatMap(([item, members]) => {
      const joined: { min: number; max: number }[] = [];
      for (const count of members.map(countOf).toSorted((a, b) => a.min - b.min)) {
        const open = joined.at(-1);
        if (open !== undefined && count.min <= open.max + 1) open.max = Math.max(open.max, count.max);
        else joined.push({ ...count });
      }
      return joined.map(({ min, max }) => repeat(item, min, max));
    });
  }

  function intersection(parts: readonly Language[]): Language {
    const flat = new Set(parts.flatMap((part) => (part.kind === "intersection" ? part.items : [part])));
    spend(flat.size);
    flat.delete(all);
    if (flat.has(none)) return none;
    if (flat.has(empty)) return [...flat].every((part) => part.nullable) ? empty : none;
    const items = [...flat].toSorted((a, b) => a.id - b.id);
    const [first] = items;
    if (first === undefined) return all;
    if (items.length === 1) return first;
    if (items.every((item) => itemOf(item) === anyOne)) {
      const counted = items.map(countOf);
      const min = Math.max(...counted.map((count) => count.min));
      const max = Math.min(...counted.map((count) => count.max));
      return min > max ? none : repeat(anyOne, min, max);
    }
    const nullable = items.every((item) => item.nullable);
    return make(`intersection ${items.map(({ id }) => id).join(" ")}`, nullable, { kind: "intersection", items });
  }

  function complement(item: Language): Language {
    if (item === none) return all;
    if (item === all) return none;
    if (item.kind === "complement") return item.item;
    return make(`complement ${item.id}`, !item.nullable, { kind: "complement", item });
  }

  function derive(language: Language, char: number): Language {
    const found = derivatives.get(language)?.get(char);
    if (found !== undefined) return found;
    spend(1);
    const derivative = computeDerivative(language, char);
    const ofLanguage = derivatives.get(language) ?? new Map<number, Language>();
    derivatives.set(language, ofLanguage.set(char, derivative));
    return derivative;
  }

  function computeDerivative(language: Language, char: number): Language {
    switch (language.kind) {
      case "none":
      case "empty":
        return none;
      case "set":
        return hasChar(language.set, char) ? empty : none;
      case "concat":
        return deriveConcat(language, char);
      case "union":
        return union(language.options.map((option) => derive(option, char)));
      case "repeat": {
        const rest = repeat(language.item, Math.max(0, language.min - 1), language.max - 1);
        return prepend(derive(language.item, char), rest);
      }
      case "intersection":
        return intersection(language.items.map((item) => derive(item, char)));
      case "complement":
        return complement(derive(language.item, char));
    }
  }

  /** Uses a loop instead of recursion, since a pattern may be a sequence of a thousand optional parts. */
  function deriveConcat(language: Language, char: number): Language {
    const options: Language[] = [];
    let rest = language;
    for (; rest.kind === "concat"; rest = rest.tail) {
      options.push(prepend(derive(rest.head, char), rest.tail));
      if (!rest.head.nullable) return union(options);
    }
    return union([...options, derive(rest, char)]);
  }

  return {
    spend,
    none,
    empty,
    alphabet,
    anyOne,
    all,
    set,
    concat,
    union,
    repeat,
    intersection,
    complement,
    derive,
  };
}

/** The parts of a concatenation, from left to right. For any other language, the language itself. */
export function concatenatedParts(language: Language): readonly Language[] {
  const parts: Language[] = [];
  let rest = language;
  for (; rest.kind === "concat"; rest = rest.tail) parts.push(rest.head);
  return [...parts, rest];
}

function itemOf(language: Language): Language {
  return language.kind === "repeat" ? language.item : language;
}

function countOf(language: Language): { readonly min: number; readonly max: number } {
  return language.kind === "repeat" ? language : { min: 1, max: 1 };
}
