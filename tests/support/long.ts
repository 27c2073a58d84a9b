// Owns the two lengths of slow tests: short by default, long with WAGGLE_LONG=1.
import { inject } from "vitest";

export const isLong = process.env["WAGGLE_LONG"] === "1";

/** Time limit of a test. A soak may take hours on a slow machine. */
export const limitMs = (isLong ? 180 : 10) * 60_000;

export const seed = inject("seed");

/** For failure messages. */
export const howToRepeat = `WAGGLE_PROPERTY_SEED=${seed}${isLong ? " WAGGLE_LONG=1" : ""} repeats the random numbers`;

/** Shows progress and figures of a long run. A short run shows only failures. */
export function say(line: string): void {
  if (isLong) process.stdout.write(`${line}\n`);
}

/** The rows of a table of attacks and faults that run: all in a long run, and otherwise the first one of each kind. */
export const rowsOfKind = <T>(rows: readonly T[]): readonly T[] => (isLong ? rows : rows.slice(0, 1));
