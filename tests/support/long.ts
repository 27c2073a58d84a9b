// Owns the two forms of the tests that take their time: a short one in each run, a long one with WAGGLE_LONG=1; and the seed of their chances.
import { randomInt } from "node:crypto";

export const isLong = process.env["WAGGLE_LONG"] === "1";

/** Of a test: it ends one that hangs. A soak may take hours on a slow machine. */
export const limitMs = (isLong ? 180 : 10) * 60_000;

const mostSeed = 1_000_000;

/** The same variable as that of the property tests: a machine that compares runs sets it. */
export const seed = Number(process.env["WAGGLE_PROPERTY_SEED"] ?? randomInt(mostSeed));

/** For the message of a failure. */
export const howToRepeat = `WAGGLE_PROPERTY_SEED=${seed}${isLong ? " WAGGLE_LONG=1" : ""} gives the same chances again`;

/** Progress and figures of a long run. In a short one only failures are shown. */
export function say(line: string): void {
  if (isLong) process.stdout.write(`${line}\n`);
}
