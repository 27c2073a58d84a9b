// Writes the members of an object in their order. The number of members is within the schema's limits.
import { choice, isNever, never, optional, sequence, type Expression } from "../../rules/expression.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { comma } from "../values/json-text.ts";

export interface Member {
  readonly name: string;
  readonly required: boolean;
  /** The name, the colon and the value. */
  readonly text: Expression;
}

/** Members that occur together or not at all. */
interface Row extends Member {
  readonly count: number;
}

/** The rest of the list, by the number of members written so far. The last entry also applies to all higher numbers. */
type ByCount = readonly Expression[];

/** This many entries of the table count as one step of `GrammarLimits.steps`. */
const entriesPerStep = 2;

/**
 * Builds two expressions for each member and each count, from the last member to the first: the list from this member on (`from`), and this
 * list after an earlier member (`after`). For optional members, `from` becomes a rule, so that the grammar grows with the number of
 * members, not with the number of their subsets. At most one undeclared member counts towards `min`, since undeclared members may have equal names.
 */
export function memberList(
  grammar: Grammar,
  members: readonly Member[],
  extra: Expression,
  { min, max }: { readonly min: number; readonly max: number },
  name: string,
): Expression {
  if (min > max) return never;
  const separator = comma(grammar);
  const highest = Math.min(max === Infinity ? min : max, members.length + 1);
  const counts = Array.from({ length: highest + 1 }, (_, count) => count);
  const isCounted = counts.length > 1;
  const rows = joinRequired(members, separator, isCounted);
  const next = (count: number): number => (max === Infinity ? Math.min(count, highest) : count);
  const item =
    isCounted && !isNever(extra)
      ? grammar.define(grammar.reserve(`${name}-next`), sequence(separator, extra))
      : sequence(separator, extra);

  let from: ByCount = counts.map((count) => {
    if (count + 1 < min || count >= max) return never;
    return sequence(extra, grammar.counted(item, 0, max - count - 1, `${name}-next`));
  });
  let after: ByCount = counts.map((count) => {
    if (count >= min) return grammar.counted(item, 0, max - count, `${name}-next`);
    return sequence(separator, from[count] ?? never);
  });
  let mayEnd = true;
  for (const [index, row] of [...rows.entries()].toReversed()) {
    grammar.spend(counts.length / entriesPerStep);
    const isShared = !row.required || index > 0;
    const text = isCounted ? grammar.define(grammar.reserve(`${name}-${row.name}-member`), row.text) : row.text;
    const before: ByCount = from;
    const behind: ByCount = after;
    mayEnd &&= !row.required;
    const canEnd = mayEnd;
    from = counts.map((count) => {
      const rest = row.required ? never : (before[count] ?? never);
      const list = choice(sequence(text, behind[next(count + row.count)] ?? never), rest);
      if (!isShared || isNever(list)) return list;
      return grammar.define(grammar.reserve(`${name}-from-${row.name}`), list);
    });
    after = from.map((list, count) => {
      const more = sequence(separator, list);
      return canEnd && count >= min ? optional(more) : more;
    });
  }
  const whole = from[0] ?? never;
  return mayEnd && min === 0 ? optional(whole) : whole;
}

/** Joins successive required members to one row, since they always occur together. */
function joinRequired(members: readonly Member[], separator: Expression, isCounted: boolean): readonly Row[] {
  const rows: Member[][] = [];
  for (const member of members) {
    const last = rows.at(-1);
    if (member.required && last?.[0]?.required === true && !isCounted) last.push(member);
    else rows.push([member]);
  }
  return rows.flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    const text = sequence(first.text, ...others.flatMap((other) => [separator, other.text]));
    return [{ ...first, text, count: 1 + others.length }];
  });
}
