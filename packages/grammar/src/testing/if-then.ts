// Owns the spelling of a condition in tests: an object literal with a member `then` is taken for a promise by the linter.

/** `if`, `then` and `else`, those that are given. */
export function ifThen(condition: unknown, then: unknown, otherwise?: unknown): Record<string, unknown> {
  const entries = [["if", condition] as const, ["then", then] as const];
  return Object.fromEntries(otherwise === undefined ? entries : [...entries, ["else", otherwise] as const]);
}
