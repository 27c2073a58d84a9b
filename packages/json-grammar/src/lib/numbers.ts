// Owns numbers: bounds as exact digit patterns.
import { ceilToPlaces, floorToPlaces, hasPlaces } from "./decimal.ts";
import { decimalsBetween, integersBetween } from "./digits.ts";
import { never, type Expression } from "./expression.ts";
import { anyInteger, anyNumber } from "./free-form.ts";
import type { Grammar } from "./grammar.ts";
import { numberDigits } from "./limits.ts";
import { numberOf, refuse, type SchemaPart } from "./schema-part.ts";

interface Bound {
  readonly value: number;
  readonly exclusive: boolean;
  readonly part: SchemaPart;
  readonly keyword: string;
}

export interface NumberConstraints {
  readonly integer: boolean;
  readonly low: Bound | undefined;
  readonly high: Bound | undefined;
}

/** As far as bounds are told apart: beyond, a number in JSON loses digits where it is read. */
const farthest = Number.MAX_SAFE_INTEGER;
/** Where a bound that is not given lies. */
const usual = 10 ** numberDigits.integer - 1;

/** @throws UnsupportedSchemaError for a multipleOf other than 1 */
export function readNumberConstraints(parts: readonly SchemaPart[], integer: boolean): NumberConstraints {
  const lows = parts.flatMap((part) => [...bound(part, "minimum", false), ...bound(part, "exclusiveMinimum", true)]);
  const highs = parts.flatMap((part) => [...bound(part, "maximum", false), ...bound(part, "exclusiveMaximum", true)]);
  for (const part of parts) {
    const step = numberOf(part, "multipleOf");
    if (step !== undefined && step !== 1) throw refuse(part, "multipleOf", "is not supported, unless it is 1");
  }
  return {
    integer: integer || parts.some((part) => numberOf(part, "multipleOf") === 1),
    low: lows.toSorted((a, b) => b.value - a.value || Number(b.exclusive) - Number(a.exclusive))[0],
    high: highs.toSorted((a, b) => a.value - b.value || Number(b.exclusive) - Number(a.exclusive))[0],
  };
}

function bound(part: SchemaPart, keyword: string, exclusive: boolean): readonly Bound[] {
  const value = numberOf(part, keyword);
  return value === undefined ? [] : [{ value, exclusive, part, keyword }];
}

/** Tells whether a number of an enum fulfils the keywords beside it. */
export function numberFilter({ integer, low, high }: NumberConstraints): (value: number) => boolean {
  return (value) => {
    if (integer && !Number.isInteger(value)) return false;
    if (low !== undefined && !(low.exclusive ? value > low.value : value >= low.value)) return false;
    return high === undefined || (high.exclusive ? value < high.value : value <= high.value);
  };
}

/**
 * Never, when no number of the digits that a grammar writes fulfils them.
 * @throws UnsupportedSchemaError when all that do are too large to be told apart
 */
export function numberExpression(grammar: Grammar, constraints: NumberConstraints, hint: string): Expression {
  const { integer } = constraints;
  if (constraints.low === undefined && constraints.high === undefined) {
    return integer ? anyInteger(grammar) : anyNumber(grammar);
  }
  const { low, high } = integer ? constraints : withoutFarBounds(constraints);
  const places = integer ? 0 : placesFor([low, high].map((end) => end?.value ?? 0));
  const [first, last] = [lowest(low, high, places), highest(high, low, places)];
  if (first > last) return never;
  const kind = integer ? "integer" : "number";
  return grammar.shared(`${kind} ${first} ${last} ${places}`, `${hint}-${kind}`, () =>
    integer ? integersBetween(first, last) : decimalsBetween(first, last, places),
  );
}

/** Bounds like those of a 32-bit float say nothing about the usual digits, and would leave none of them after the point. */
function withoutFarBounds({ low, high }: NumberConstraints): Pick<NumberConstraints, "low" | "high"> {
  const isUsual = (low?.value ?? 0) < usual && (high?.value ?? 0) > -usual;
  return {
    low: isUsual && low !== undefined && low.value <= -usual ? undefined : low,
    high: isUsual && high !== undefined && high.value >= usual ? undefined : high,
  };
}

/** So many places that no two numbers near a bound are the same to who reads them: 15 digits survive in a double. */
function placesFor(ends: readonly number[]): number {
  const wholeDigits = Math.max(...ends.map((end) => String(floorToPlaces(Math.abs(clamp(end)), 0)).length));
  return Math.max(0, numberDigits.fraction - wholeDigits);
}

function lowest(low: Bound | undefined, high: Bound | undefined, places: number): bigint {
  if (low === undefined) return floorToPlaces(high !== undefined && high.value < -usual ? -farthest : -usual, places);
  if (low.value > farthest) throw refuse(low.part, low.keyword, `is farther from 0 than ${farthest}`);
  const value = clamp(low.value);
  const start = ceilToPlaces(value, places);
  return low.exclusive && value === low.value && hasPlaces(value, places) ? start + 1n : start;
}

function highest(high: Bound | undefined, low: Bound | undefined, places: number): bigint {
  return -lowest(negate(high), negate(low), places);
}

function negate(end: Bound | undefined): Bound | undefined {
  return end === undefined ? undefined : { ...end, value: -end.value };
}

function clamp(value: number): number {
  return Math.max(-farthest, Math.min(farthest, value));
}
