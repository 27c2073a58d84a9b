// Computes the exact decimal value of a JSON number, and rounds it to a number of decimal places.

/** value = digits * 10^exponent */
interface Decimal {
  readonly digits: bigint;
  readonly exponent: number;
}

/** The least multiple of 10^-`places` that is at least `value`, in units of 10^-`places`. */
export function ceilToPlaces(value: number, places: number): bigint {
  return -floorToPlaces(-value, places);
}

/** The greatest multiple of 10^-`places` that is at most `value`, in units of 10^-`places`. */
export function floorToPlaces(value: number, places: number): bigint {
  const { digits, exponent } = decimalOf(value);
  const shift = exponent + places;
  if (shift >= 0) return digits * 10n ** BigInt(shift);
  const unit = 10n ** BigInt(-shift);
  const quotient = digits / unit;
  return digits < 0n && quotient * unit !== digits ? quotient - 1n : quotient;
}

/** Whether the value is a multiple of 10^-`places`. */
export function hasPlaces(value: number, places: number): boolean {
  return floorToPlaces(value, places) === ceilToPlaces(value, places);
}

function decimalOf(value: number): Decimal {
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const [whole = "0", places = ""] = mantissa.split(".");
  return { digits: BigInt(whole + places), exponent: Number(exponent) - places.length };
}
