// Writes arrays whose items must differ. The compiler needs a list of all possible values, since a grammar cannot compare an item with earlier items.
import type { CompileContext } from "../compile-context.ts";
import type { Condition } from "../conjunction.ts";
import { fitsKeywords } from "../values/fits-schema.ts";
import { choice, literal, never, optional, sequence, type Expression } from "../../rules/expression.ts";
import { fixedValueFilter, readFixedValues } from "../values/fixed-values.ts";
import { comma } from "../values/json-text.ts";
import { memberList } from "../objects/member-list.ts";
import { readNumberConstraints, wholeNumbersOf } from "../numbers/numbers.ts";
import type { SchemaPart } from "../schema-part.ts";
import { writtenTypes } from "../types.ts";
import { alternativeParts } from "../unions.ts";

/** Up to this number of values, the grammar allows every order of the items. With more values, it allows only the order of the schema. */
const mostInAnyOrder = 7;
/** Limit for the integers in a range whose values are listed one by one. */
const mostNumbers = 100;

/** The texts of all values that fulfil the conditions; undefined if the values are too many or cannot be listed. */
export function countedValues(
  context: CompileContext,
  conditions: readonly Condition[],
): readonly string[] | undefined {
  const options = Array.from(alternativeParts(context, conditions), (parts) => valuesOfParts(context, parts));
  return options.some((option) => option === undefined)
    ? undefined
    : [...new Set(options.flatMap((option) => option ?? []))];
}

function valuesOfParts(context: CompileContext, parts: readonly SchemaPart[]): readonly string[] | undefined {
  const { grammar } = context;
  const { words } = grammar.notation;
  const fixed = readFixedValues(parts, grammar);
  if (fixed !== undefined) {
    const fits = fixedValueFilter(grammar, parts, (value) => fitsKeywords(context, value, parts));
    return [...fixed.values()].filter(fits).flatMap(({ texts }) => texts.slice(0, 1));
  }
  if (parts.length === 0) return undefined;
  const byType = [...writtenTypes(parts)].map((type): readonly string[] | undefined => {
    if (type === "null") return [words.null[0]];
    if (type === "boolean") return [words.true[0], words.false[0]];
    return type === "integer" ? wholeNumbersOf(readNumberConstraints(parts, true), mostNumbers) : undefined;
  });
  return byType.some((values) => values === undefined) ? undefined : byType.flatMap((values) => values ?? []);
}

/** Writes the items between the brackets. */
export function uniqueList(
  { grammar }: CompileContext,
  values: readonly string[],
  { min, max }: { readonly min: number; readonly max: number },
  name: string,
): Expression {
  if (min > values.length || min > max) return never;
  if (values.length > mostInAnyOrder) {
    const members = values.map((text, index) => ({ name: `${index + 1}`, required: false, text: literal(text) }));
    return memberList(grammar, members, never, { min, max }, name);
  }
  const separator = comma(grammar);
  const rules = new Map<number, Expression>();

  /** Writes at least one more value; the bits of the mask are the values that are already written. */
  function more(mask: number, count: number): Expression {
    const known = rules.get(mask);
    if (known !== undefined) return known;
    if (count >= max) return never;
    const options = values.flatMap((text, index) => {
      if ((mask & (1 << index)) !== 0) return [];
      const rest = sequence(separator, more(mask | (1 << index), count + 1));
      return [sequence(literal(text), count + 1 >= min ? optional(rest) : rest)];
    });
    const rule = grammar.define(grammar.reserve(`${name}-unique`), choice(...options));
    rules.set(mask, rule);
    return rule;
  }

  const list = more(0, 0);
  return min === 0 ? optional(list) : list;
}
