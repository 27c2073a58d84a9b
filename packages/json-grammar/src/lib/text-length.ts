// Owns how long the texts of a language can be, as far as its construction tells.
import { partsOf, type Language } from "./languages.ts";

export interface TextLength {
  readonly min: number;
  /** Infinity when there is none, or none that is plain to see. */
  readonly max: number;
}

/** Bounds in characters: no text of the language is shorter or longer, but there need not be one as short or as long. */
export function textLength(language: Language): TextLength {
  switch (language.kind) {
    case "none":
    case "empty":
      return { min: 0, max: 0 };
    case "set":
      return { min: 1, max: 1 };
    case "concat": {
      const parts = partsOf(language).map(textLength);
      return { min: sum(parts.map(({ min }) => min)), max: sum(parts.map(({ max }) => max)) };
    }
    case "union": {
      const options = language.options.map(textLength);
      return { min: Math.min(...options.map(({ min }) => min)), max: Math.max(...options.map(({ max }) => max)) };
    }
    case "repeat": {
      const item = textLength(language.item);
      return { min: item.min * language.min, max: item.max === 0 ? 0 : item.max * language.max };
    }
    case "intersection": {
      const items = language.items.map(textLength);
      return { min: Math.max(...items.map(({ min }) => min)), max: Math.min(...items.map(({ max }) => max)) };
    }
    case "complement":
      return { min: 0, max: Infinity };
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
