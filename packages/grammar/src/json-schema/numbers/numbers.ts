// Writes numbers, with their bounds as exact digit patterns.
import { ceilToPlaces, floorToPlaces, hasPlaces } from "./decimal.ts";
import { decimalsBetween, integersBetween } from "./digits.ts";
import { never, type Expression } from "../../rules/expression.ts";
import { anyInteger, anyNumber } from "../values/free-form.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { numberDigits } from "../../rules/limits.ts";
import { numberOf, refuse, keywordValue, type SchemaPart } from "../schema-part.ts";

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

/** Larger bounds are reduced to this bound, since JSON numbers beyond the bound lose digits when they are parsed. */
const farthest = Number.MAX_SAFE_INTEGER;
/** The bound of numbers if the schema has no bound. */
const usual = 10 ** numberDigits.integer - 1;

export function readNumberConstraints(parts: readonly SchemaPart[], integer: boolean): NumberConstraints {
  const lows = parts.flatMap((part) => [...bound(part, "minimum"), ...bound(part, "exclusiveMinimum")]);
  const highs = parts.flatMap((part) => [...bound(part, "maximum"), ...bound(part, "exclusiveMaximum")]);
  return {
    integer: integer || parts.some((part) => Number.isInteger(keywordValue(part, "multipleOf"))),
    low: lows.toSorted((a, b) => b.value - a.value || Number(b.exclusive) - Number(a.exclusive))[0],
    high: highs.toSorted((a, b) => a.value - b.value || Number(b.exclusive) - Number(a.exclusive))[0],
  };
}

/** Reads a bound. In draft 4, a boolean keyword next to the bound makes the bound exclusive. */
function bound(
  part: SchemaPart,
  keyword: "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum",
): readonly Bound[] {
  if (typeof keywordValue(part, keyword) === "boolean") return [];
  const value = numberOf(part, keyword);
  if (value === undefined) return [];
  const isBeside =
    (keyword === "minimum" && keywordValue(part, "exclusiveMinimum") === true) ||
    (keyword === "maximum" && keywordValue(part, "exclusiveMaximum") === true);
  return [{ value, exclusive: isBeside || keyword.startsWith("exclusive"), part, keyword }];
}

/** Whether a number of an enum fulfils the other keywords of the schema. */
export function numberFilter({ integer, low, high }: NumberConstraints): (value: number) => boolean {
  return (value) => {
    if (integer && !Number.isInteger(value)) return false;
    if (low !== undefined && !(low.exclusive ? value > low.value : value >= low.value)) return false;
    return high === undefined || (high.exclusive ? value < high.value : value <= high.value);
  };
}

/**
 * Returns `never` if no number that fulfils the constraints is within the limits for digits.
 * @throws UnsupportedSchemaError if all such numbers are too large to be distinguished
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

/** Drops bounds beyond `usual`, such as the range of a 32-bit float. Such bounds exclude no usual number, but would leave no decimal places. */
function withoutFarBounds({ low, high }: NumberConstraints): Pick<NumberConstraints, "low" | "high"> {
  const isUsual = (low?.value ?? 0) < usual && (high?.value ?? 0) > -usual;
  return {
    low: isUsual && low !== undefined && low.value <= -usual ? undefined : low,
    high: isUsual && high !== undefined && high.value >= usual ? undefined : high,
  };
}

/** The number of decimal places with which different numbers near a bound still differ after parsing, since a double keeps 15 digits. */
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
