// Writes integers that have certain remainders, with an automaton over their digits.
import { charClass, choice, isNever, literal, never, sequence, type Expression } from "../../rules/expression.ts";
import { charsOf } from "../../rules/char-set.ts";
import type { Grammar } from "../../rules/grammar.ts";

export interface Residues {
  readonly modulus: number;
  /** Whether a number with this remainder is allowed. */
  accepts(residue: number): boolean;
}

/** The digits 0 to 9. */
const digits = Array.from({ length: 10 }, (_, digit) => digit);

/** Integers from `low` to `high`, both included, with an accepted remainder. */
export function residuesBetween(
  grammar: Grammar,
  low: bigint,
  high: bigint,
  residues: Residues,
  hint: string,
): Expression {
  const opposite: Residues = {
    modulus: residues.modulus,
    accepts: (residue) => residues.accepts((residues.modulus - residue) % residues.modulus),
  };
  const negatives = low < 0n ? naturals(grammar, high < 0n ? -high : 1n, -low, opposite, `${hint}-minus`) : never;
  const positives = high >= 0n ? naturals(grammar, low > 0n ? low : 0n, high, residues, hint) : never;
  return choice(sequence(literal("-"), negatives), positives);
}

function naturals(grammar: Grammar, low: bigint, high: bigint, residues: Residues, hint: string): Expression {
  const rules = new Map<string, Expression>();
  if (low > high) return never;

  /** Writes exactly `count` more digits. The digits before them have the remainder `residue`. */
  function free(count: number, residue: number): Expression {
    if (count === 0) return residues.accepts(residue) ? sequence() : never;
    const key = `${count} ${residue}`;
    const known = rules.get(key);
    if (known !== undefined) return known;
    grammar.spend(1);
    const expression = byDigit(residue, digits, (_, next) => free(count - 1, next));
    const rule = isNever(expression) ? never : grammar.define(grammar.reserve(`${hint}-${count}`), expression);
    rules.set(key, rule);
    return rule;
  }

  function byDigit(
    residue: number,
    allowed: readonly number[],
    rest: (digit: number, residue: number) => Expression,
  ): Expression {
    const groups = new Map<Expression, string>();
    const keyed = new Map<string, Expression>();
    for (const digit of allowed) {
      const tail = rest(digit, (residue * 10 + digit) % residues.modulus);
      if (isNever(tail)) continue;
      const key = tail.kind === "reference" ? tail.rule : JSON.stringify(tail);
      const same = keyed.get(key) ?? tail;
      keyed.set(key, same);
      groups.set(same, `${groups.get(same) ?? ""}${digit}`);
    }
    return choice(...[...groups].map(([tail, texts]) => sequence(oneDigit(texts), tail)));
  }

  /** Writes the remaining digits; `isLow` and `isHigh` tell whether the lower and the upper bound still limit them. */
  function between(from: string, to: string, residue: number, isLow: boolean, isHigh: boolean): Expression {
    if (from === "") return free(0, residue);
    if (!isLow && !isHigh) return free(from.length, residue);
    const [first, last] = [isLow ? Number(from[0]) : 0, isHigh ? Number(to[0]) : 9];
    return byDigit(
      residue,
      digits.filter((digit) => digit >= first && digit <= last),
      (digit, next) => between(from.slice(1), to.slice(1), next, isLow && digit === first, isHigh && digit === last),
    );
  }

  const [shortest, longest] = [String(low).length, String(high).length];
  const lengths = Array.from({ length: longest - shortest + 1 }, (_, index) => shortest + index);
  return choice(
    ...lengths.map((length) => {
      const from = length === shortest ? String(low) : `1${"0".repeat(length - 1)}`;
      const to = length === longest ? String(high) : "9".repeat(length);
      const zero = low === 0n && length === 1 && residues.accepts(0) ? literal("0") : never;
      const start = length === 1 && low === 0n ? "1" : from;
      return choice(
        zero,
        Number(start) > Number(to) ? never : between(start, to, 0, true, length === longest || length === 1),
      );
    }),
  );
}

function oneDigit(texts: string): Expression {
  return texts.length === 1 ? literal(texts) : charClass(charsOf(texts));
}
