// Owns what one check finds out: what did not hold, what was measured. A check goes on after something did not hold.
import { isDeepStrictEqual } from "node:util";

export interface Facts {
  /** `otherwise` says what is wrong, with the values that show it. */
  expect(held: boolean, otherwise: string): void;
  equal(what: string, actual: unknown, due: unknown): void;
  number(name: string, value: number): void;
  /** What was seen, for the reader of a row that is ok. */
  note(text: string): void;
}

export interface FactsRecord extends Facts {
  readonly failures: readonly string[];
  readonly notes: readonly string[];
  readonly numbers: Readonly<Record<string, number>>;
}

/** One broken rule tends to be broken again and again. */
const failuresLimit = 6;
const valueCharsLimit = 160;

export function createFacts(): FactsRecord {
  const failures: string[] = [];
  const notes: string[] = [];
  const numbers: Record<string, number> = {};

  function expect(held: boolean, otherwise: string): void {
    if (!held && failures.length < failuresLimit) failures.push(otherwise);
  }

  return {
    failures,
    notes,
    numbers,
    expect,
    equal(what, actual, due) {
      expect(isDeepStrictEqual(actual, due), `${what} is ${shown(actual)} where ${shown(due)} was due`);
    },
    number(name, value) {
      numbers[name] = Math.round(value * 1_000) / 1_000;
    },
    note: (text) => void notes.push(text),
  };
}

function shown(value: unknown): string {
  return (JSON.stringify(value) ?? "undefined").slice(0, valueCharsLimit);
}
