// Checks a grammar before a text is matched against it: no rule may begin with itself, since matching such a rule would never end.
import type { Element, Grammar, Rule } from "./gbnf.ts";

/**
 * Why the grammar cannot be used, without the subject of the sentence: "has left recursion". Undefined for a usable grammar. The time is linear in
 * the grammar's size.
 */
export function grammarProblem({ rules }: Grammar): string | undefined {
  const nullable = nullableRules(rules);
  const recursive = findLeftRecursion(rules, nullable);
  if (recursive === undefined) return undefined;
  return `has left recursion${recursive.name === "" ? "" : ` in rule ${recursive.name}`}`;
}

/** The rules that match the empty text. */
function nullableRules(rules: readonly Rule[]): ReadonlySet<Rule> {
  /** For each rule, the alternatives that contain it. An alternative is nullable once `missing` more of its rules are nullable. */
  const waiting = new Map<Rule, { owner: Rule; missing: number }[]>();
  const nullable = new Set<Rule>();
  const found: Rule[] = [];
  const add = (rule: Rule): void => {
    if (nullable.has(rule)) return;
    nullable.add(rule);
    found.push(rule);
  };
  for (const owner of rules) {
    for (const option of owner.options) {
      const needed = neededRules(option);
      if (needed === undefined) continue;
      if (needed.length === 0) add(owner);
      const entry = { owner, missing: needed.length };
      for (const rule of needed) {
        const entries = waiting.get(rule);
        if (entries === undefined) waiting.set(rule, [entry]);
        else entries.push(entry);
      }
    }
  }
  for (let rule = found.pop(); rule !== undefined; rule = found.pop()) {
    for (const entry of waiting.get(rule) ?? []) if (--entry.missing === 0) add(entry.owner);
  }
  return nullable;
}

/** The rules that must be nullable so that this alternative can be empty; undefined if the alternative can never be empty. */
function neededRules(option: Element | undefined): Rule[] | undefined {
  const needed: Rule[] = [];
  for (let element = option; element !== undefined; element = element.next) {
    if (element.kind === "chars") return undefined;
    if (element.kind === "rule" || element.min > 0) needed.push(element.rule);
  }
  return needed;
}

/** Finds a rule that can begin with itself. Uses a list as its stack, not recursion: a chain of rules may be as long as the grammar. */
function findLeftRecursion(rules: readonly Rule[], nullable: ReadonlySet<Rule>): Rule | undefined {
  const done = new Set<Rule>();
  const open = new Set<Rule>();
  for (const start of rules) {
    const path: { rule: Rule; rest: Rule[] }[] = [];
    const enter = (rule: Rule): void => {
      open.add(rule);
      path.push({ rule, rest: firstRules(rule, nullable) });
    };
    if (!done.has(start)) enter(start);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.rest.pop();
      if (next === undefined) {
        open.delete(top.rule);
        done.add(top.rule);
        path.pop();
      } else if (open.has(next)) return next;
      else if (!done.has(next)) enter(next);
    }
  }
  return undefined;
}

/** The rules with which this rule can begin. */
function firstRules(rule: Rule, nullable: ReadonlySet<Rule>): Rule[] {
  const firsts: Rule[] = [];
  for (const option of rule.options) {
    for (let element = option; element !== undefined && element.kind !== "chars"; element = element.next) {
      if (element.kind === "repeat" && element.max === 0) continue;
      firsts.push(element.rule);
      const mayBeEmpty = nullable.has(element.rule) || (element.kind === "repeat" && element.min === 0);
      if (!mayBeEmpty) break;
    }
  }
  return firsts;
}
