// Writes objects that need at least one member with a certain value. Such schemas result when a condition on all members is negated.
import { choice, type Expression } from "../../rules/expression.ts";
import type { CompileContext } from "../compile-context.ts";
import { createLanguages } from "../../rules/languages.ts";
import { hasText } from "../strings/patterns.ts";
import { memberNames, schemaAt } from "./properties.ts";
import { derive, pathOf, keywordValue, type SchemaPart } from "../schema-part.ts";
import { stringsLanguage } from "../strings/string-languages.ts";

/** Writes an object of these parts; with `some`, the object has an undeclared member that fulfils `some`. */
export type ObjectWriter = (parts: readonly SchemaPart[], some?: SchemaPart) => Expression;

/** Writes an object in which a member fulfils `some`: a declared member whose name `some` allows, or the first undeclared member. */
export function someMember(
  context: CompileContext,
  parts: readonly SchemaPart[],
  some: SchemaPart,
  write: ObjectWriter,
): Expression {
  const { grammar } = context;
  const others = parts.filter((part) => part !== some);
  const names = memberNames(others, grammar).filter(isOfKind(context, some));
  const declared = names.map((member) => write([...others, requiring(context, some, member)]));
  return choice(...declared, write(others, some));
}

function requiring({ document }: CompileContext, some: SchemaPart, member: string): SchemaPart {
  const schema = derive({ required: [member], properties: { [member]: keywordValue(some, "~value") } });
  return { path: document.derive(pathOf(some, "~value", member), () => schema), schema };
}

function isOfKind(context: CompileContext, some: SchemaPart): (name: string) => boolean {
  const listed = keywordValue(some, "~beyond");
  if (Array.isArray(listed)) return (name) => !listed.includes(name);
  const languages = createLanguages(context.grammar.spend);
  const language = stringsLanguage(context, languages, [schemaAt(some, "~name")]);
  return (name) => hasText(languages, language, name);
}
