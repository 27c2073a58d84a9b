// Computes bounds for the length of a language's texts from the language's construction.
import { concatenatedParts, type Language } from "../../rules/languages.ts";

export interface TextLength {
  readonly min: number;
  /** Infinity if there is no limit, or no limit that is easy to compute. */
  readonly max: number;
}

/** Bounds in characters. No text of the language is shorter or longer, but the bounds may not be reached. */
export function textLength(language: Language): TextLength {
  // Languages share their parts. Without this cache, the part after a row of lookaheads would be measured once for each path to it.
  const known = new Map<Language, TextLength>();

  function measure(part: Language): TextLength {
    const length = known.get(part) ?? compute(part);
    known.set(part, length);
    return length;
  }

  function compute(part: Language): TextLength {
    switch (part.kind) {
      case "none":
      case "empty":
        return { min: 0, max: 0 };
      case "set":
        return { min: 1, max: 1 };
      case "concat": {
        const parts = concatenatedParts(part).map(measure);
        return { min: sum(parts.map(({ min }) => min)), max: sum(parts.map(({ max }) => max)) };
      }
      case "union": {
        const options = part.options.map(measure);
        return { min: Math.min(...options.map(({ min }) => min)), max: Math.max(...options.map(({ max }) => max)) };
      }
      case "repeat": {
        const item = measure(part.item);
        return { min: item.min * part.min, max: item.max === 0 ? 0 : item.max * part.max };
      }
      case "intersection": {
        const items = part.items.map(measure);
        return { min: Math.max(...items.map(({ min }) => min)), max: Math.min(...items.map(({ max }) => max)) };
      }
      case "complement":
        return { min: 0, max: Infinity };
    }
  }

  return measure(language);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
