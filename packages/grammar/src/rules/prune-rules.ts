// Removes rules that match no finite text, since a model could never finish them.
import { choice, innerOf, never, reference, repeat, sequence, type Expression } from "./expression.ts";
import type { Grammar, Rules } from "./grammar.ts";

/** This many rules count as one step of `GrammarLimits.steps`. */
const rulesPerStep = 10;

/**
 * The rules that `root` reaches and that match some finite text, `root` first. Undefined if `root` matches no finite text, for example because a
 * schema always requires itself again.
 */
export function pruneRules(rules: Rules, root: string, spend: Grammar["spend"]): Rules | undefined {
  const finite = rulesThatMatch(rules, true, spend);
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

/**
 * The rules that match a finite text if `withTerminals`, otherwise the rules that match the empty text. Adds rules to the set until the set is
 * stable. The direction of passes alternates, since a chain of rules may need either direction.
 */
export function rulesThatMatch(rules: Rules, withTerminals: boolean, spend: Grammar["spend"]): ReadonlySet<string> {
  const found = new Set<string>();
  const order = [...rules];
  for (let size = -1; found.size !== size;) {
    size = found.size;
    spend(rules.size / rulesPerStep);
    for (const [name, expression] of [...order, ...order.toReversed()]) {
      if (!found.has(name) && canMatch(expression, found, withTerminals)) found.add(name);
    }
  }
  return found;
}

/** Whether the expression matches a text that uses only these rules and, if `withTerminals`, literals and character classes. */
export function canMatch(expression: Expression, rules: ReadonlySet<string>, withTerminals: boolean): boolean {
  switch (expression.kind) {
    case "literal":
    case "class":
      return withTerminals;
    case "reference":
      return rules.has(expression.rule);
    case "repeat":
      return expression.min === 0 || canMatch(expression.item, rules, withTerminals);
    case "choice":
      return expression.options.some((option) => canMatch(option, rules, withTerminals));
    case "sequence":
      return expression.items.every((item) => canMatch(item, rules, withTerminals));
  }
}

/** Replaces every reference. Then removes parts that match nothing, and parts that need such a part. */
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
  return expression.kind === "reference" ? [expression.rule] : innerOf(expression).flatMap(referencesOf);
}
