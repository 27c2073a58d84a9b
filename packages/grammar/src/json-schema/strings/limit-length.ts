// Limits the length of a language's texts without counting each character: every unbounded repetition gets a share of the length.
import { concatenatedParts, type Language, type Languages } from "../../rules/languages.ts";
import { textLength, type TextLength } from "./text-length.ts";

/** Limit for the repetitions of an item of unlimited length: each repetition gets a share of the length. */
const fewTimes = 8;

/** A subset of the language without texts longer than `max`; undefined if the language contains intersections or complements. */
export function limitLength(languages: Languages, language: Language, max: number): Language | undefined {
  const length = textLength(language);
  if (length.max <= max) return language;
  if (length.min > max) return languages.none;
  languages.spend(1);
  switch (language.kind) {
    case "none":
    case "empty":
    case "set":
      return language;
    case "union": {
      const options = language.options.map((option) => limitLength(languages, option, max));
      return options.every((option) => option !== undefined) ? languages.union(options) : undefined;
    }
    case "concat":
      return limitRow(languages, concatenatedParts(language), max);
    case "repeat":
      return limitRepeat(languages, language, max);
    case "intersection":
    case "complement":
      return undefined;
  }
}

/** Divides the length among the parts of a concatenation: once among all parts, and once without the optional parts of unlimited length. */
function limitRow(languages: Languages, parts: readonly Language[], max: number): Language | undefined {
  const present = parts.filter((part) => !isOptional(part) || textLength(part).max !== Infinity);
  const rows = [limitWhole(languages, parts, max)];
  if (present.length < parts.length) rows.push(limitWhole(languages, present, max));
  const possible = rows.filter((row) => row !== undefined);
  return possible.length === 0 ? undefined : languages.union(possible);
}

function isOptional(part: Language): boolean {
  return part.kind === "repeat" && part.min === 0 && part.max === 1;
}

function limitWhole(languages: Languages, parts: readonly Language[], max: number): Language | undefined {
  const lengths = parts.map(textLength);
  const least = lengths.reduce((sum, { min, max: most }) => sum + (most === Infinity ? min : most), 0);
  if (lengths.reduce((sum, { min }) => sum + min, 0) > max) return undefined;
  const isOpen = ({ min, max: most }: TextLength): boolean => (least > max ? most > min : most === Infinity);
  const weights = parts.map((part, index) => (isOpen(lengths[index] ?? { min: 0, max: 0 }) ? weightOf(part) : 0));
  const open = weights.reduce((sum, weight) => sum + weight, 0);
  const spare = max - lengths.reduce((sum, length) => sum + (isOpen(length) ? length.min : length.max), 0);
  const limited = parts.map((part, index) => {
    const length = lengths[index] ?? { min: 0, max: 0 };
    const share = Math.floor((spare * (weights[index] ?? 0)) / Math.max(1, open));
    return isOpen(length) ? limitLength(languages, part, length.min + share) : part;
  });
  return limited.every((part) => part !== undefined) ? languages.concat(limited) : undefined;
}

/** The weight of a part when the length is divided: a repetition of items without a maximum length needs a larger share than one item. */
function weightOf(part: Language): number {
  return part.kind === "repeat" && part.max > 1 && textLength(part.item).max === Infinity ? fewTimes : 1;
}

function limitRepeat(
  languages: Languages,
  { item, min, max: most }: Language & { readonly kind: "repeat" },
  max: number,
): Language | undefined {
  const length = textLength(item);
  const times = length.max === Infinity ? [1, 2, 4, fewTimes] : [Math.floor(max / length.max)];
  const rows = times.map((count) => {
    const highest = Math.min(most, Math.max(min, Math.min(count, max)));
    if (highest < min || highest === 0) return min === 0 ? languages.empty : undefined;
    const limited = limitLength(languages, item, Math.floor(max / highest));
    return limited === undefined ? undefined : languages.repeat(limited, min, highest);
  });
  const possible = rows.filter((row) => row !== undefined);
  if (possible.length === 0) return undefined;
  const all = languages.union(possible);
  // If the item may be a single character, also allow as many single characters as fit: few texts need longer options, such as `%20` in a path.
  const single = item.kind === "union" ? item.options.find((option) => option.kind === "set") : undefined;
  if (single === undefined || length.max === 1) return all;
  return languages.union([all, languages.repeat(single, min, Math.min(most, max))]);
}
