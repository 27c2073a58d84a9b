// Owns the question whether numbers are still what somebody wrote, now that JSON.parse has read them.

/**
 * Whether no number in the value is one that `JSON.parse` makes of others as well: `1e400` has become Infinity, which JSON.stringify
 * writes as null, and a whole number beyond 2^53 may have been rounded. Fractions count as exact: the shortest text of a double reads
 * back as the same double.
 */
export function hasExactNumbers(value: unknown): boolean {
  if (typeof value === "number") return Number.isInteger(value) ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (typeof value !== "object" || value === null) return true;
  return Object.values(value).every(hasExactNumbers);
}
