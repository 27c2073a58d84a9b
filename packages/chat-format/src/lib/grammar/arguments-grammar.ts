// Owns how a call's arguments are written in a grammar, in each of the families' syntaxes, by the tool's schema. What a reader takes in
// several ways is written in one of them.
import {
  type Expression,
  type GrammarBuilder,
  type SchemaProperty,
  UnsupportedSchemaError,
  choice,
  empty,
  literal,
  never,
  oneOf,
  optional,
  repeat,
  sequence,
} from "@waggle/json-grammar";
import type { ArgumentsSyntax, ElementArguments, TaggedArguments, ValueArguments } from "../syntax.ts";

/** White space where a family has some: a space, or a new line and what indents it. A model that knows no calls would write any run of it. */
export const blanks: Expression = optional(
  choice(literal(" "), sequence(repeat(literal("\n"), 1, 2), repeat(oneOf(" ", "\t"), 0, 8))),
);

/** A tool as the grammar writes its calls. */
export interface ToolGrammar {
  readonly name: string;
  /** Undefined: any arguments. */
  readonly parameters: unknown;
}

/** @throws UnsupportedSchemaError with a path from the root of the tool's schema */
export function argumentsExpression(builder: GrammarBuilder, syntax: ArgumentsSyntax, tool: ToolGrammar): Expression {
  switch (syntax.kind) {
    case "json":
      return jsonArguments(builder, tool);
    case "tags":
      return members(builder, tool, {
        open: "",
        close: "",
        between: spaced(syntax.separator),
        member: ({ name, kind }, value) =>
          taggedMember(syntax, name, kind, kind === "string" ? value : onLines(syntax, value)),
        text: (property) => taggedText(syntax, property),
        any: () => anyTagged(builder, syntax),
      });
    case "elements":
      return members(builder, tool, {
        open: "",
        close: "",
        between: blanks,
        member: ({ name }, value) => element(syntax, name, value),
        text: (property) => property.raw(elementEnd(syntax, property.name)),
        any: () => never,
      });
    case "values":
      return members(builder, tool, {
        open: syntax.open,
        close: syntax.close,
        between: spaced(syntax.separator),
        member: ({ name }, value) => sequence(literal(name + syntax.assign), value),
        text: (property) => quotedText(syntax, property),
        any: () => sequence(anyName, literal(syntax.assign), builder.anyValue()),
      });
    case "text":
      // Nothing in such a text says where it ends, so nothing holds it to a schema; each of these families can write JSON as well.
      return never;
  }
}

export function jsonArguments(builder: GrammarBuilder, { name, parameters }: ToolGrammar): Expression {
  return parameters === undefined ? builder.anyObject() : builder.schema(parameters, `${name}-arguments`);
}

/** How members are written one by one. */
interface MemberSyntax {
  readonly open: string;
  readonly close: string;
  readonly between: Expression;
  member(property: SchemaProperty, value: Expression): Expression;
  /** The value of one that is a string and nothing else. */
  text(property: SchemaProperty): Expression;
  /** Any member, for tools without a schema. */
  any(): Expression;
}

function members(builder: GrammarBuilder, { name, parameters }: ToolGrammar, syntax: MemberSyntax): Expression {
  const around = (inner: Expression): Expression => sequence(literal(syntax.open), inner, literal(syntax.close));
  if (parameters === undefined) {
    const any = builder.rule("any-argument", syntax.any());
    const another = builder.rule("another-argument", sequence(syntax.between, any));
    return around(optional(sequence(any, repeat(another, 0, Infinity))));
  }
  const known = builder.properties(parameters, `${name}-arguments`).map((property) => ({
    name: nameable(property.name),
    required: property.required,
    expression: written(syntax, property),
  }));
  return around(inOrder(known, syntax.between));
}

function written(syntax: MemberSyntax, property: SchemaProperty): Expression {
  const text = (one: SchemaProperty): Expression => syntax.member(one, syntax.text(one));
  if (property.kind === "string") return text(property);
  const { mixed } = property;
  if (mixed === undefined) return syntax.member(property, property.rule);
  return choice(text({ ...property, kind: "string", raw: mixed.raw }), syntax.member(property, mixed.others));
}

/** Members in declared order, the optional ones or not, with something between two that follow each other. */
function inOrder(
  all: readonly { readonly required: boolean; readonly expression: Expression }[],
  between: Expression,
): Expression {
  /** What may follow once something has been written, and what may come first. */
  let [after, first]: [Expression, Expression] = [empty, empty];
  for (const { required, expression } of all.toReversed()) {
    const next = sequence(between, expression, after);
    const begin = sequence(expression, after);
    [after, first] = required ? [next, begin] : [choice(next, after), choice(begin, first)];
  }
  return first;
}

/** @throws UnsupportedSchemaError for a name that would be read as another one, since it holds what the syntaxes are made of */
function nameable(name: string): string {
  if (/^[^\s<>"'`=:(){}[\],]+$/.test(name)) return name;
  const reason = `has a member ${JSON.stringify(name)}, which the model's format cannot name`;
  throw new UnsupportedSchemaError("", "properties", reason);
}

const anyName = repeat(oneOf("az", "AZ", "09", "_", "-", "."), 1, 64);

/** Where the type is written, it says how the value is read; else that is known by what the value looks like. */
function anyTagged(builder: GrammarBuilder, syntax: TaggedArguments): Expression {
  const text = taggedMember(syntax, undefined, "string", builder.anyTextExcept({ anywhere: [syntax.value.close] }));
  return syntax.type === undefined ? text : choice(text, taggedMember(syntax, undefined, "json", builder.anyValue()));
}

/** @param name undefined: any */
function taggedMember(
  { key, type, value, escapes }: TaggedArguments,
  name: string | undefined,
  kind: SchemaProperty["kind"],
  inner: Expression,
): Expression {
  const written = escapes === "xml" ? name?.replaceAll("&", "&amp;").replaceAll('"', "&quot;") : name;
  const open = value.open.trimStart();
  return sequence(
    literal(key.open),
    written === undefined ? anyName : literal(written),
    literal(key.close),
    type === undefined ? empty : valueType(type, kind),
    beginsTag(open) ? sequence(blanks, literal(open)) : literal(open),
    inner,
    literal(value.close),
  );
}

function valueType(
  { open, close, words: { string, ...others } }: NonNullable<TaggedArguments["type"]>,
  kind: SchemaProperty["kind"],
): Expression {
  const words = kind === "string" ? [string] : [...new Set(Object.values(others))];
  return choice(...words.map((word) => literal(open + word + close)));
}

/** White space may stand before a tag, and not within one. */
function beginsTag(text: string): boolean {
  return /^[<[\uFDD1-\uFDEF]/.test(text);
}

function taggedText({ value, lines, verbatim }: TaggedArguments, property: SchemaProperty): Expression {
  if (verbatim !== undefined) {
    return sequence(literal(verbatim.open), property.raw(verbatim.close), literal(verbatim.close));
  }
  const line = lines ? "\n" : "";
  return sequence(literal(line), property.raw(line + value.close), literal(line));
}

/** A family that writes texts on lines of their own does so with every value; none needs it. */
function onLines({ lines }: TaggedArguments, value: Expression): Expression {
  return lines ? sequence(optional(literal("\n")), value, optional(literal("\n"))) : value;
}

function element(syntax: ElementArguments, name: string, value: Expression): Expression {
  return sequence(literal(`${syntax.before}<${name}>`), value, literal(elementEnd(syntax, name)));
}

function elementEnd({ before }: ElementArguments, name: string): string {
  return `${before}</${name}>`;
}

/** Between the family's own quotes, as it is; where they escape something, as in JSON. */
function quotedText({ quotes: [quote] }: ValueArguments, property: SchemaProperty): Expression {
  if (quote === undefined || quote.escapes) return property.rule;
  return sequence(literal(quote.text), property.raw(quote.text), literal(quote.text));
}

function spaced(separator: string): Expression {
  const text = separator.trim();
  return text === "" ? blanks : sequence(blanks, literal(text), blanks);
}
