// Checks for grammars that llama.cpp cannot load: rules that begin with themselves, which llama.cpp searches for without marking visited
// rules, and rules with too many possible beginnings, all of which llama.cpp follows at once.
import { UnsupportedSchemaError } from "./errors.ts";
import type { Expression } from "./expression.ts";
import type { Grammar, Rules } from "./grammar.ts";

/** This many rules count as one step. */
const rulesPerStep = 10;

/** How a rule may begin: with rules, listed as often as they occur, or with one of a number of characters and classes. */
interface Beginnings {
  readonly rules: readonly string[];
  readonly terminals: number;
}

/**
 * @param paths the path of the schema from which each rule was made, by rule
 * @throws UnsupportedSchemaError when a rule begins with itself, or has too many beginnings
 */
export function checkRules(
  rules: Rules,
  paths: ReadonlyMap<string, string>,
  { limits, spend }: Pick<Grammar, "limits" | "spend">,
): void {
  const nullable = findNullable(rules, spend);
  const beginnings = new Map([...rules].map(([name, expression]) => [name, beginningsOf(expression, nullable)]));
  const counts = new Map<string, number>();
  for (const name of innermostFirst(beginnings, paths)) {
    const { rules: first, terminals } = beginnings.get(name) ?? { rules: [], terminals: 0 };
    const count = first.reduce((sum, rule) => sum + (counts.get(rule) ?? 0), terminals);
    if (count > limits.alternatives) {
      const reason = `lets a value begin in more than ${limits.alternatives} ways`;
      throw new UnsupportedSchemaError(paths.get(name) ?? "", "schema", reason);
    }
    counts.set(name, count);
  }
}

/** Orders the rules such that each comes after the rules with which it may begin. Not recursive: a chain may have thousands of rules. */
function innermostFirst(
  beginnings: ReadonlyMap<string, Beginnings>,
  paths: ReadonlyMap<string, string>,
): readonly string[] {
  const order: string[] = [];
  const state = new Map<string, "open" | "done">();
  const stack = [...beginnings.keys()].toReversed();
  for (let name = stack.at(-1); name !== undefined; name = stack.at(-1)) {
    if (state.get(name) === undefined) {
      state.set(name, "open");
      const next = beginnings.get(name)?.rules ?? [];
      const loop = next.find((rule) => state.get(rule) === "open");
      if (loop !== undefined) {
        throw new UnsupportedSchemaError(paths.get(loop) ?? "", "schema", "may be nothing but itself, without end");
      }
      stack.push(...new Set(next.filter((rule) => state.get(rule) === undefined)));
      continue;
    }
    stack.pop();
    if (state.get(name) === "open") order.push(name);
    state.set(name, "done");
  }
  return order;
}

function beginningsOf(expression: Expression, nullable: ReadonlySet<string>): Beginnings {
  switch (expression.kind) {
    case "literal":
    case "class":
      return { rules: [], terminals: 1 };
    case "reference":
      return { rules: [expression.rule], terminals: 0 };
    case "repeat":
      return beginningsOf(expression.item, nullable);
    case "choice":
      return join(expression.options.map((option) => beginningsOf(option, nullable)));
    case "sequence": {
      const end = expression.items.findIndex((item) => !isNullable(item, nullable));
      const first = end === -1 ? expression.items : expression.items.slice(0, end + 1);
      return join(first.map((item) => beginningsOf(item, nullable)));
    }
  }
}

function join(all: readonly Beginnings[]): Beginnings {
  return {
    rules: all.flatMap(({ rules }) => rules),
    terminals: all.reduce((sum, { terminals }) => sum + terminals, 0),
  };
}

function findNullable(rules: Rules, spend: Grammar["spend"]): Set<string> {
  const nullable = new Set<string>();
  const order = [...rules];
  for (let size = -1; nullable.size !== size;) {
    size = nullable.size;
    spend(rules.size / rulesPerStep);
    for (const [name, expression] of [...order, ...order.toReversed()]) {
      if (!nullable.has(name) && isNullable(expression, nullable)) nullable.add(name);
    }
  }
  return nullable;
}

function isNullable(expression: Expression, nullable: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case "literal":
    case "class":
      return false;
    case "reference":
      return nullable.has(expression.rule);
    case "repeat":
      return expression.min === 0 || isNullable(expression.item, nullable);
    case "choice":
      return expression.options.some((option) => isNullable(option, nullable));
    case "sequence":
      return expression.items.every((item) => isNullable(item, nullable));
  }
}
