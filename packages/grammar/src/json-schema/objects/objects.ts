// Writes objects: declared members in their order, where optional members may be absent, and then undeclared members.
import type { CompileContext } from "../compile-context.ts";
import { choice, isNever, literal, never, sequence, type Expression } from "../../rules/expression.ts";
import { blank, memberName } from "../values/json-text.ts";
import { finiteNames } from "./finite-names.ts";
import { memberList, type Member } from "./member-list.ts";
import { otherNames } from "./object-names.ts";
import { memberNames, propertyConditions, requiredNames } from "./properties.ts";
import { countsOf, has, refuse, type SchemaPart } from "../schema-part.ts";

/** Writes an object. Returns `never` if a required member can have no value. */
export function objectExpression(context: CompileContext, parts: readonly SchemaPart[], name: string): Expression {
  const { grammar } = context;
  const required = new Set(requiredNames(parts, grammar));
  const allowed = finiteNames(context, parts);
  const names = [...new Set([...memberNames(parts, grammar), ...(allowed?.listed ?? [])])];
  const members = names.map((member): Member => {
    const isPossible = allowed?.has(member) ?? true;
    const value = isPossible ? context.compile(propertyConditions(parts, member, grammar)) : never;
    return { name: member, required: required.has(member), text: sequence(memberName(grammar, member), value) };
  });
  const possible = members.filter((member) => member.required || !isNever(member.text));
  if (possible.some((member) => isNever(member.text))) return never;
  const isListed = allowed?.listed !== undefined;
  const extra = isListed ? never : extraMember(context, parts, names, name);
  const counts = countsOf(parts, "minProperties", "maxProperties", grammar.limits.repetitions);
  const list = memberList(grammar, possible, extra, counts, name);
  if (isNever(list) && !isNever(extra)) refuseCount(parts);
  const sorted = grammar.notation.sortedNames ? possible.toSorted(byName) : possible;
  const isOther = sorted.some((member, index) => member !== possible[index]);
  const lists = isOther ? choice(list, memberList(grammar, sorted, extra, counts, `${name}-sorted`)) : list;
  return sequence(literal("{"), lists, literal("}"));
}

/** Sorts members as chat templates do, ignoring the case. */
function byName(one: Member, other: Member): number {
  return one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1;
}

/** A grammar cannot compare names, so undeclared members may repeat a name. So only one of them counts towards `minProperties`. */
function refuseCount(parts: readonly SchemaPart[]): void {
  const part = parts.find((one) => has(one, "minProperties"));
  if (part !== undefined) throw refuse(part, "minProperties", "requires more than one undeclared member");
}

/** Writes an undeclared member, whose name differs from the declared names. */
function extraMember(
  context: CompileContext,
  parts: readonly SchemaPart[],
  names: readonly string[],
  name: string,
): Expression {
  const { grammar } = context;
  const kinds = otherNames(context, parts, names, name).map(({ name: key, conditions }) => {
    return sequence(key, literal(":"), blank(grammar), context.compile(conditions));
  });
  const extra = choice(...kinds);
  return isNever(extra) ? never : grammar.define(grammar.reserve(`${name}-extra`), extra);
}
