// Removes rules that match no finite text, since a model could never finish them.
import { choice, never, reference, repeat, sequence, type Expression } from "./expression.ts";
import type { Grammar, Rules } from "./grammar.ts";

/** This many rules count as one step. */
const rulesPerStep = 10;

/**
 * The rules that `root` reaches and that match some finite text, `root` first. Undefined if `root` matches none, for example for a schema
 * that always requires itself once more.
 */
export function pruneRules(rules: Rules, root: string, spend: Grammar["spend"]): Rules | undefined {
  const finite = findFinite(rules, spend);
  if (!finite.has(root)) return undefined;
  const isAllFinite = finite.size === rules.size;
  const kept = new Map<string, Expression>();
  const waiting = [root];
  for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
    const expression = rules.get(name);
    if (expression === undefined || kept.has(name)) continue;
    const isWhole = isAllFinite && referencesOf(expression).every((rule) => finite.has(rule));
    const useful = isWhole
      ? expression
      : replaceReferences(expression, (rule) => (finite.has(rule) ? reference(rule) : never));
    kept.set(name, useful);
    waiting.push(...referencesOf(useful).toReversed());
  }
  return kept;
}

/** Adds rules to the set until it is stable. Passes alternate in direction, since a chain of rules may need either direction. */
function findFinite(rules: Rules, spend: Grammar["spend"]): Set<string> {
  const finite = new Set<string>();
  const order = [...rules];
  for (let size = -1; finite.size !== size;) {
    size = finite.size;
    spend(rules.size / rulesPerStep);
    for (const [name, expression] of [...order, ...order.toReversed()]) {
      if (!finite.has(name) && isFinite(expression, finite)) finite.add(name);
    }
  }
  return finite;
}

function isFinite(expression: Expression, finite: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case "reference":
      return finite.has(expression.rule);
    case "sequence":
      return expression.items.every((item) => isFinite(item, finite));
    case "choice":
      return expression.options.some((option) => isFinite(option, finite));
    case "repeat":
      return expression.min === 0 || isFinite(expression.item, finite);
    case "literal":
      return true;
    case "class":
      return true;
  }
}

/** Replaces every reference; removes parts that then match nothing, and the parts that need them. */
function replaceReferences(expression: Expression, replace: (rule: string) => Expression): Expression {
  switch (expression.kind) {
    case "reference":
      return replace(expression.rule);
    case "sequence":
      return sequence(...expression.items.map((item) => replaceReferences(item, replace)));
    case "choice":
      return choice(...expression.options.map((option) => replaceReferences(option, replace)));
    case "repeat":
      return repeat(replaceReferences(expression.item, replace), expression.min, expression.max);
    case "literal":
    case "class":
      return expression;
  }
}

function referencesOf(expression: Expression): readonly string[] {
  switch (expression.kind) {
    case "reference":
      return [expression.rule];
    case "sequence":
      return expression.items.flatMap(referencesOf);
    case "choice":
      return expression.options.flatMap(referencesOf);
    case "repeat":
      return referencesOf(expression.item);
    case "literal":
    case "class":
      return [];
  }
}
