// Writes exact ranges of numbers as digit patterns.
import {
  choice,
  empty,
  literal,
  never,
  oneOf,
  optional,
  repeat,
  sequence,
  type Expression,
} from "../../rules/expression.ts";

const digit = oneOf("09");

/** Integers from `low` to `high`, both included, in their usual spelling: no leading zero, no -0. */
export function integersBetween(low: bigint, high: bigint): Expression {
  return choice(
    low < 0n ? sequence(literal("-"), naturals(high < 0n ? -high : 1n, -low)) : never,
    high >= 0n ? naturals(low > 0n ? low : 0n, high) : never,
  );
}

/**
 * Decimals from `low` to `high`, both included, where `low` and `high` count units of 10^-`places`. The texts have at most `places` digits after
 * the point, and no exponent.
 */
export function decimalsBetween(low: bigint, high: bigint, places: number): Expression {
  return choice(
    low < 0n ? sequence(literal("-"), positiveDecimals(high < 0n ? -high : 1n, -low, places)) : never,
    high >= 0n ? positiveDecimals(low > 0n ? low : 0n, high, places) : never,
  );
}

function positiveDecimals(low: bigint, high: bigint, places: number): Expression {
  if (low > high) return never;
  const unit = 10n ** BigInt(places);
  const [lowWhole, highWhole] = [low / unit, high / unit];
  const zeros = "0".repeat(places);
  const nines = "9".repeat(places);
  const lowPlaces = String(low % unit)
    .padStart(places, "0")
    .slice(0, places);
  const highPlaces = String(high % unit)
    .padStart(places, "0")
    .slice(0, places);
  if (lowWhole === highWhole) return sequence(naturals(lowWhole, lowWhole), fraction(lowPlaces, highPlaces));
  const first = lowPlaces === zeros ? lowWhole : lowWhole + 1n;
  const last = highPlaces === nines ? highWhole : highWhole - 1n;
  return choice(
    first === lowWhole ? never : sequence(naturals(lowWhole, lowWhole), fraction(lowPlaces, nines)),
    sequence(naturals(first, last), fraction(zeros, nines)),
    last === highWhole ? never : sequence(naturals(highWhole, highWhole), fraction(zeros, highPlaces)),
  );
}

/** The text after the integer part. The decimal places, padded with zeros, are between `low` and `high`. */
function fraction(low: string, high: string): Expression {
  if (low === "") return empty;
  const written = sequence(literal("."), places(low, high));
  return Number(low) === 0 ? optional(written) : written;
}

/** One or more decimal places that, padded with zeros, are between `low` and `high`. */
function places(low: string, high: string): Expression {
  if (isAny(low, high)) return repeat(digit, 1, low.length);
  if (/^0*$/.test(high)) return repeat(literal("0"), 1, high.length);
  return byFirstDigit(low, high, (lowRest, highRest) => {
    if (lowRest === "") return empty;
    if (isAny(lowRest, highRest)) return repeat(digit, 0, lowRest.length);
    const more = places(lowRest, highRest);
    return Number(lowRest) === 0 ? optional(more) : more;
  });
}

/** Natural numbers from `low` to `high`, both included. */
function naturals(low: bigint, high: bigint): Expression {
  if (low > high) return never;
  const [shortest, longest] = [String(low).length, String(high).length];
  if (shortest === longest) return sameLength(String(low), String(high));
  const firstFull = isPowerOfTen(low) ? shortest : shortest + 1;
  const lastFull = isPowerOfTen(high + 1n) ? longest : longest - 1;
  return choice(
    firstFull === shortest ? never : sameLength(String(low), "9".repeat(shortest)),
    firstFull > lastFull ? never : sequence(oneOf("19"), repeat(digit, firstFull - 1, lastFull - 1)),
    lastFull === longest ? never : sameLength(`1${"0".repeat(longest - 1)}`, String(high)),
  );
}

function isPowerOfTen(value: bigint): boolean {
  return /^10*$/.test(String(value));
}

/** Digit strings between `low` and `high`; both bounds have the same length. */
function sameLength(low: string, high: string): Expression {
  if (low === "") return empty;
  if (isAny(low, high)) return repeat(digit, low.length, low.length);
  return byFirstDigit(low, high, sameLength);
}

/** Splits the strings between `low` and `high` by first digit. The rest of a string is bounded only after the lowest or the highest first digit. */
function byFirstDigit(low: string, high: string, rest: (low: string, high: string) => Expression): Expression {
  const [first, last] = [Number(low[0]), Number(high[0])];
  const [lowRest, highRest] = [low.slice(1), high.slice(1)];
  if (first === last) return sequence(literal(String(first)), rest(lowRest, highRest));
  const [zeros, nines] = ["0".repeat(lowRest.length), "9".repeat(lowRest.length)];
  const from = lowRest === zeros ? first : first + 1;
  const to = highRest === nines ? last : last - 1;
  return choice(
    from === first ? never : sequence(literal(String(first)), rest(lowRest, nines)),
    from > to ? never : sequence(oneOf(from === to ? String(from) : `${from}${to}`), rest(zeros, nines)),
    to === last ? never : sequence(literal(String(last)), rest(zeros, highRest)),
  );
}

function isAny(low: string, high: string): boolean {
  return /^0*$/.test(low) && /^9*$/.test(high);
}
