// Owns objects: members in their declared order, every choice of the optional ones, each spelled once.
import type { CompileContext } from "./compile-context.ts";
import { charsOf } from "./char-set.ts";
import { choice, isNever, literal, never, optional, repeat, sequence, type Expression } from "./expression.ts";
import { anyString } from "./free-form.ts";
import type { Grammar } from "./grammar.ts";
import { blank, comma, memberName, quoted } from "./json-text.ts";
import { languageExpression } from "./language-rules.ts";
import { createLanguages } from "./languages.ts";
import { extraConditions, memberNames, propertyConditions, requiredNames } from "./properties.ts";
import { refuse, type SchemaPart } from "./schema-part.ts";

/** What each character of a name may cost where other names have to differ from it, in the steps that are counted. */
const stepsPerChar = 10;

interface Member {
  readonly name: string;
  readonly required: boolean;
  /** The name, the colon and the value. */
  readonly text: Expression;
}

/** Never, when a member that is required can have no value. */
export function objectExpression(context: CompileContext, parts: readonly SchemaPart[], name: string): Expression {
  const { grammar } = context;
  const required = new Set(requiredNames(parts, grammar));
  const names = memberNames(parts, grammar);
  const members = names.map((member): Member => {
    const value = context.compile(propertyConditions(parts, member, grammar));
    return { name: member, required: required.has(member), text: sequence(memberName(grammar, member), value) };
  });
  const possible = members.filter((member) => member.required || !isNever(member.text));
  const extra = extraMember(context, parts, names, name);
  return sequence(literal("{"), memberList(grammar, possible, extra, name), literal("}"));
}

/**
 * Two expressions for each member, from the last to the first: what the list is from this member on, and how the list goes on when
 * something came before. Optional members need the former as a rule, so that the grammar grows with their number and not with
 * the number of their subsets.
 */
function memberList(grammar: Grammar, members: readonly Member[], extra: Expression, name: string): Expression {
  const separator = comma(grammar);
  const rows = joinRequired(members, separator);
  let from = isNever(extra) ? never : sequence(extra, repeat(sequence(separator, extra), 0, Infinity));
  let after = repeat(sequence(separator, extra), 0, Infinity);
  let mayEnd = true;
  for (const [index, member] of [...rows.entries()].toReversed()) {
    const isShared = !member.required || index > 0;
    const rest = member.required ? never : from;
    const list = choice(sequence(member.text, after), rest);
    from = isShared ? grammar.define(grammar.reserve(`${name}-from-${member.name}`), list) : list;
    mayEnd &&= !member.required;
    after = sequence(separator, from);
    if (mayEnd) after = optional(after);
  }
  return mayEnd ? optional(from) : from;
}

/** Required members in a row are as good as one: there is no way around any of them. */
function joinRequired(members: readonly Member[], separator: Expression): readonly Member[] {
  const rows: Member[][] = [];
  for (const member of members) {
    const last = rows.at(-1);
    if (member.required && last?.[0]?.required === true) last.push(member);
    else rows.push([member]);
  }
  return rows.flatMap(([first, ...others]) => {
    if (first === undefined) return [];
    return [{ ...first, text: sequence(first.text, ...others.flatMap(({ text }) => [separator, text])) }];
  });
}

/** A member that no schema declares: its name must be none of those that are declared. */
function extraMember(
  context: CompileContext,
  parts: readonly SchemaPart[],
  names: readonly string[],
  name: string,
): Expression {
  const conditions = extraConditions(parts);
  if (conditions === undefined) return never;
  const value = context.compile(conditions);
  if (isNever(value)) return never;
  const { grammar } = context;
  const key = names.length === 0 ? anyString(grammar) : quoted(otherName(grammar, parts, names, name));
  return grammar.define(grammar.reserve(`${name}-extra`), sequence(key, literal(":"), blank(grammar), value));
}

function otherName(grammar: Grammar, parts: readonly SchemaPart[], names: readonly string[], rule: string): Expression {
  grammar.spend(names.reduce((steps, name) => steps + name.length * stepsPerChar, 0));
  const languages = createLanguages(grammar.spend);
  const taken = names.map((name) => languages.concat(Array.from(name, (char) => languages.set(charsOf(char)))));
  const other = languages.complement(languages.union(taken));
  const expression = languageExpression(grammar, languages, other, `${rule}-other-name`);
  if (expression !== undefined) return expression;
  const owner = parts.find((part) => Object.hasOwn(part.schema, "additionalProperties")) ?? parts[0];
  const reason = `stands beside too many properties to tell other names apart in ${grammar.limits.patternStates} states`;
  throw refuse(owner ?? { path: "", schema: {} }, "additionalProperties", reason);
}
