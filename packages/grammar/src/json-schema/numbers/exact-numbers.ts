// Checks that JSON.parse has not changed the numbers of a value.

/**
 * Whether `JSON.parse` kept every number of the value exact. `JSON.parse` changes `1e400` to Infinity, which JSON.stringify writes as null, and may
 * round integers beyond 2^53. Fractions count as exact: the shortest text of a double is parsed to the same double.
 */
export function hasExactNumbers(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(hasExactNumbers);
}
