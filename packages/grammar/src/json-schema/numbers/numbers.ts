// Writes numbers, with their bounds as exact digit patterns.
import { ceilToPlaces, floorToPlaces, hasPlaces, isMultiple, stepOf } from "./decimal.ts";
import { decimalsBetween, integersBetween } from "./digits.ts";
import { choice, literal, never, oneOf, optional, repeat, sequence, type Expression } from "../../rules/expression.ts";
import { anyInteger, anyNumber } from "../values/free-form.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { numberDigits } from "../../rules/limits.ts";
import { literalChoice } from "../values/literal-tree.ts";
import { residuesBetween } from "./multiples.ts";
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
  /** The value must be a multiple of each step, but not of a step that is negated. */
  readonly steps: readonly Step[];
}

interface Step {
  readonly value: number;
  readonly negated: boolean;
  readonly part: SchemaPart;
}

/** Larger bounds are reduced to this bound, since JSON numbers beyond the bound lose digits when they are parsed. */
const farthest = Number.MAX_SAFE_INTEGER;
/** The bound of numbers if the schema has no bound. */
const usual = 10 ** numberDigits.integer - 1;
/** Highest modulus for which remainders are checked: the automaton over the digits has a state for each remainder and decimal place. */
const highestModulus = 200;
/** Limit for numbers that are listed one by one, and for the fractions that are listed for a fractional step. */
const mostListed = 1_000;

export function readNumberConstraints(parts: readonly SchemaPart[], integer: boolean): NumberConstraints {
  const lows = parts.flatMap((part) => [...bound(part, "minimum"), ...bound(part, "exclusiveMinimum")]);
  const highs = parts.flatMap((part) => [...bound(part, "maximum"), ...bound(part, "exclusiveMaximum")]);
  const steps = parts.flatMap((part) => [...step(part, "multipleOf", false), ...step(part, "~notMultipleOf", true)]);
  return {
    integer: integer || steps.some(({ value, negated }) => !negated && Number.isInteger(value)),
    low: lows.toSorted((a, b) => b.value - a.value || Number(b.exclusive) - Number(a.exclusive))[0],
    high: highs.toSorted((a, b) => a.value - b.value || Number(b.exclusive) - Number(a.exclusive))[0],
    steps: steps.filter(({ value, negated }) => negated || value !== 1),
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

function step(part: SchemaPart, keyword: string, negated: boolean): readonly Step[] {
  const value = numberOf(part, keyword);
  if (value === undefined) return [];
  if (value <= 0) throw refuse(part, "multipleOf", "must be more than 0");
  return [{ value, negated, part }];
}

/** Whether a number of an enum fulfils the other keywords of the schema. */
export function numberFilter({ integer, low, high, steps }: NumberConstraints): (value: number) => boolean {
  return (value) => {
    if (integer && !Number.isInteger(value)) return false;
    if (steps.some((one) => isMultiple(value, one.value) === one.negated)) return false;
    if (low !== undefined && !(low.exclusive ? value > low.value : value >= low.value)) return false;
    return high === undefined || (high.exclusive ? value < high.value : value <= high.value);
  };
}

/** The integers that fulfil the constraints, in ascending order; undefined if the bounds contain more than `most` integers. */
export function wholeNumbersOf(constraints: NumberConstraints, most: number): readonly string[] | undefined {
  const { low, high } = constraints;
  if (low === undefined || high === undefined) return undefined;
  const [first, last] = [Math.ceil(low.value), Math.floor(high.value)];
  if (!Number.isSafeInteger(first) || !Number.isSafeInteger(last) || last - first >= most) return undefined;
  const all = Array.from({ length: Math.max(0, last - first + 1) }, (_, index) => first + index);
  return all.filter(numberFilter(constraints)).map(String);
}

/**
 * Returns `never` if no number that fulfils the constraints is within the limits for digits.
 * @throws UnsupportedSchemaError if all such numbers are too large to be distinguished, and for steps with many digits
 */
export function numberExpression(grammar: Grammar, constraints: NumberConstraints, hint: string): Expression {
  const { integer, steps } = constraints;
  if (steps.length > 0) return steppedExpression(grammar, constraints, hint);
  if (constraints.low === undefined && constraints.high === undefined) {
    return integer ? anyInteger(grammar) : anyNumber(grammar);
  }
  const { low, high } = integer ? constraints : withoutFarBounds(constraints);
  const places = integer ? 0 : placesFor([low, high].map((end) => end?.value ?? 0));
  return between(grammar, constraints, places, hint);
}

function between(grammar: Grammar, constraints: NumberConstraints, places: number, hint: string): Expression {
  const { low, high } = constraints.integer ? constraints : withoutFarBounds(constraints);
  const [first, last] = [lowest(low, high, places), highest(high, low, places)];
  if (first > last) return never;
  const kind = constraints.integer ? "integer" : "number";
  return grammar.shared(`${kind} ${first} ${last} ${places}`, `${hint}-${kind}`, () =>
    constraints.integer ? integersBetween(first, last) : decimalsBetween(first, last, places),
  );
}

function steppedExpression(grammar: Grammar, constraints: NumberConstraints, hint: string): Expression {
  const { integer, low, high, steps } = constraints;
  const [fraction] = steps.filter(({ value }) => !Number.isInteger(value));
  if (fraction !== undefined) return fractionSteps(grammar, constraints, fraction, hint);
  const [first, last] = [lowest(low, high, 0), highest(high, low, 0)];
  const whole = first > last ? never : wholeSteps(grammar, constraints, first, last, hint);
  if (integer) return whole;
  // Numbers with a fraction are not multiples of any integer, so they fulfil every negated step. Only negated steps occur here.
  return choice(whole, brokenNumber(constraints));
}

function wholeSteps(
  grammar: Grammar,
  { steps, low, high }: NumberConstraints,
  first: bigint,
  last: bigint,
  hint: string,
): Expression {
  const modulus = steps.reduce((common, { value }) => leastCommonMultiple(common, value), 1);
  const fits = (value: number): boolean => steps.every((one) => (value % one.value === 0) !== one.negated);
  const negated = steps.some((one) => one.negated);
  if (!negated && modulus > 1) {
    const count = Number((last - first) / BigInt(modulus));
    if (low !== undefined && high !== undefined && count < mostListed)
      return listedMultiples(first, last, BigInt(modulus));
  }
  const zeros = negated ? 0 : trailingZeros(modulus);
  const unit = 10 ** zeros;
  if (modulus / unit > highestModulus) {
    throw refuse(
      steps[0]?.part ?? noPart,
      "multipleOf",
      `is supported above ${highestModulus} only if few numbers are allowed, or if it ends with zeros`,
    );
  }
  if (zeros === 0) return residuesBetween(grammar, first, last, { modulus, accepts: fits }, `${hint}-multiple`);
  const scale = BigInt(unit);
  const [from, to] = [divideUp(first, scale), -divideUp(-last, scale)];
  const residues = { modulus: modulus / unit, accepts: (residue: number) => residue === 0 };
  const nonZero = choice(
    from < 0n ? residuesBetween(grammar, from, to < 0n ? to : -1n, residues, `${hint}-multiple`) : never,
    to > 0n ? residuesBetween(grammar, from > 0n ? from : 1n, to, residues, `${hint}-multiple`) : never,
  );
  const zero = from <= 0n && to >= 0n ? literal("0") : never;
  return choice(zero, sequence(nonZero, literal("0".repeat(zeros))));
}

function listedMultiples(first: bigint, last: bigint, step: bigint): Expression {
  const texts: string[] = [];
  for (let value = divideUp(first, step) * step; value <= last; value += step) texts.push(String(value));
  return literalChoice(texts);
}

/** Multiples of a step that divides 1 or is a negative power of ten. Whether a number is a multiple depends only on the digits after the point. */
function fractionSteps(grammar: Grammar, constraints: NumberConstraints, one: Step, hint: string): Expression {
  const { low, high, steps } = constraints;
  const { units, places } = stepOf(one.value);
  const whole = 10n ** BigInt(places);
  if (steps.length > 1 || one.negated || places > numberDigits.fraction) {
    const digits = `at most ${numberDigits.fraction} digits after the point`;
    throw refuse(
      one.part,
      "multipleOf",
      `may be a fraction only if it is not negated, is the only one, and has ${digits}`,
    );
  }
  if (units === 1n) return between(grammar, { ...constraints, steps: [] }, places, hint);
  if (whole % units !== 0n || whole / units > mostListed || low !== undefined || high !== undefined) {
    throw refuse(one.part, "multipleOf", "may be a fraction only if it divides 1 and the schema has no bounds");
  }
  const texts = Array.from({ length: Number(whole / units) }, (_, index) =>
    String(BigInt(index) * units)
      .padStart(places, "0")
      .replace(/0+$/, ""),
  ).filter((text) => text !== "");
  const fraction = sequence(literal("."), choice(literal("0"), literalChoice(texts)));
  return grammar.shared(`multiple of ${one.value}`, `${hint}-multiple`, () =>
    sequence(optional(literal("-")), naturalNumber(), optional(fraction)),
  );
}

/** Numbers with a nonzero fraction. Between a fractional bound and the next integer, no such numbers are written. */
function brokenNumber({ low, high }: NumberConstraints): Expression {
  const highest = 10n ** BigInt(brokenDigits) - 1n;
  const least = low === undefined ? -highest : ceilToPlaces(clamp(low.value), 0);
  const most = high === undefined ? highest : floorToPlaces(clamp(high.value), 0);
  const wholes = (from: bigint, to: bigint): Expression => {
    const [first, last] = [from > 0n ? from : 0n, to < highest ? to : highest];
    return first > last ? never : integersBetween(first, last);
  };
  const fraction = sequence(literal("."), repeat(oneOf("09"), 0, 3), oneOf("19"), repeat(oneOf("09"), 0, 3));
  return choice(
    sequence(wholes(least, most - 1n), fraction),
    sequence(literal("-"), wholes(-most, -least - 1n), fraction),
  );
}

/** Limit for the digits before the decimal point of a fractional number, so that parsing does not lose the digits after the point. */
const brokenDigits = 8;

function naturalNumber(): Expression {
  return choice(literal("0"), sequence(oneOf("19"), repeat(oneOf("09"), 0, 7)));
}

const noPart: SchemaPart = { path: "", schema: {} };

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y > 0) [x, y] = [y, x % y];
  return (a / x) * b;
}

function trailingZeros(value: number): number {
  return /0*$/.exec(String(value))?.[0].length ?? 0;
}

function divideUp(value: bigint, by: bigint): bigint {
  return value > 0n ? (value + by - 1n) / by : -(-value / by);
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
