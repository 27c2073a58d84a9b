// Owns objects that need a member of some kind, whatever its name: the opposite of "all other members are such".
import { choice, type Expression } from "./expression.ts";
import type { CompileContext } from "./compile-context.ts";
import { createLanguages } from "./languages.ts";
import { hasText } from "./patterns.ts";
import { memberNames, schemaAt } from "./properties.ts";
import { derive, pathOf, valueOf, type SchemaPart } from "./schema-part.ts";
import { stringsLanguage } from "./string-languages.ts";

/** Writes an object of these parts; with a member that is not declared, and that is what `some` says, where that is given. */
export type ObjectWriter = (parts: readonly SchemaPart[], some?: SchemaPart) => Expression;

/** One of the members that are declared, where its name is of the kind, or another one, which comes first among those. */
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
  const schema = derive({ required: [member], properties: { [member]: valueOf(some, "~value") } });
  return { path: document.derive(pathOf(some, "~value", member), () => schema), schema };
}

function isOfKind(context: CompileContext, some: SchemaPart): (name: string) => boolean {
  const listed = valueOf(some, "~beyond");
  if (Array.isArray(listed)) return (name) => !listed.includes(name);
  const languages = createLanguages(context.grammar.spend);
  const language = stringsLanguage(context, languages, [schemaAt(some, "~name")]);
  return (name) => hasText(languages, language, name);
}
