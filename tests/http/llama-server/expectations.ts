// Owns the expectations of an answer as data: the expected value of each leaf, by the leaf's path.

/** A value must be equal; a pattern must match the value's text. */
export type Expectation = string | number | boolean | null | readonly [] | RegExp;
export type Expectations = Readonly<Record<string, Expectation>>;

/** The values of nested JSON by paths such as `timings/prompt_n` and `0/index`. A list also has the leaf `length`. */
export type Leaves = ReadonlyMap<string, unknown>;

export function leavesOf(value: unknown, path = ""): Leaves {
  const leaves = new Map<string, unknown>();
  const add = (inner: unknown, at: string): void => {
    if (typeof inner !== "object" || inner === null) return void leaves.set(at, inner);
    const below = at === "" ? "" : `${at}/`;
    if (Array.isArray(inner)) leaves.set(`${below}length`, inner.length);
    for (const [key, item] of Object.entries(inner)) add(item, `${below}${key}`);
  };
  add(value, path);
  return leaves;
}

/** A sentence for each leaf that is not as expected. */
export function problemsOf(leaves: Leaves, expectations: Expectations): string[] {
  return Object.entries(expectations).flatMap(([path, expected]) => {
    const [at, value] = isEmptyList(expected) ? [`${path}/length`, 0] : [path, expected];
    const found = leaves.get(at);
    const holds = value instanceof RegExp ? found !== undefined && value.test(shown(found)) : found === value;
    return holds ? [] : [`${at} is ${shown(found)} and not ${value instanceof RegExp ? String(value) : shown(value)}`];
  });
}

function isEmptyList(expected: Expectation): expected is readonly [] {
  return Array.isArray(expected);
}

function shown(leaf: unknown): string {
  return typeof leaf === "string" ? leaf : (JSON.stringify(leaf) ?? "not there");
}
