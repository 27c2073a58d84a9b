// Makes schemas with `if`, `then` and `else` for tests: the linter takes an object literal with a member `then` for a promise.

export function ifThen(condition: unknown, then: unknown, otherwise?: unknown): Record<string, unknown> {
  const entries = [["if", condition] as const, ["then", then] as const];
  return Object.fromEntries(otherwise === undefined ? entries : [...entries, ["else", otherwise] as const]);
}
