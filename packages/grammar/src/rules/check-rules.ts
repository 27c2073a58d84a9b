// Rejects grammars that llama.cpp cannot load: rules that begin with themselves, and rules with too many possible beginnings. llama.cpp follows all
// beginnings at once, and its search for rules that begin with themselves does not mark visited rules.
import { UnsupportedSchemaError } from "./errors.ts";
import type { Expression } from "./expression.ts";
import type { Grammar, Rules } from "./grammar.ts";
import { canMatch, rulesThatMatch } from "./prune-rules.ts";

/** The possible beginnings of a rule: `rules` lists each rule as often as it occurs; `terminals` is the number of literals and character classes. */
interface Beginnings {
  readonly rules: readonly string[];
  readonly terminals: number;
}

/**
 * @param paths for each rule, the path of the schema from which the rule was made
 * @throws UnsupportedSchemaError when a rule begins with itself, or has too many beginnings
 */
export function checkRules(
  rules: Rules,
  paths: ReadonlyMap<string, string>,
  { limits, spend }: Pick<Grammar, "limits" | "spend">,
): void {
  const nullable = rulesThatMatch(rules, false, spend);
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

/** Orders the rules such that each rule comes after the rules with which it may begin. Not recursive: a chain may have thousands of rules. */
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
        throw new UnsupportedSchemaError(paths.get(loop) ?? "", "schema", "refers only to itself, without end");
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
      const end = expression.items.findIndex((item) => !canMatch(item, nullable, false));
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
