// Owns the grammar of a call's arguments, in each of the families' syntaxes, from the tool's schema. If the reader accepts several forms of a
// value, the grammar has only one of them.
import {
  type Expression,
  type GrammarBuilder,
  type SchemaProperty,
  type SchemaValue,
  UnsupportedSchemaError,
  choice,
  empty,
  jsonNotation,
  literal,
  never,
  oneOf,
  optional,
  repeat,
  sequence,
} from "@waggle/grammar/json-schema";
import { createSchemaTypes, propertyNames } from "../arguments/schema-types.ts";
import type { ArgumentsSyntax, ElementArguments, TaggedArguments } from "../syntax.ts";
import { looseNotation, notationOf } from "./notations.ts";

/** Optional white space: a space, or line breaks with an indent. The limits keep a model that knows no calls from writing endless white space. */
export const blanks: Expression = optional(
  choice(literal(" "), sequence(repeat(literal("\n"), 1, 2), repeat(oneOf(" ", "\t"), 0, 8))),
);

/** Line breaks after a thought's end, where a schema's content follows: the schema's answer has no other white space before it. */
export const lineBreaks: Expression = repeat(literal("\n"), 0, 2);

/** A tool, with the facts that are needed to print the grammar of the tool's calls. */
export interface ToolGrammar {
  readonly name: string;
  readonly parameters: unknown;
  /** Whether any arguments are allowed. The schema then only supplies names to a syntax that needs them. */
  readonly loose: boolean;
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
        written: tagged(syntax, tool),
        any: () => anyTagged(builder, syntax),
      });
    case "elements":
      return tool.loose
        ? anyElements(builder, syntax, tool)
        : members(builder, tool, {
            open: "",
            close: "",
            between: blanks,
            written: ({ name, ...value }) => element(builder, syntax, name, value, 1),
            any: () => never,
          });
    case "values": {
      const notation = notationOf(syntax);
      return members(builder, tool, {
        open: syntax.open,
        close: syntax.close,
        between: spaced(syntax.separator),
        sortedNames: notation.sortedNames,
        written: ({ name, value }) => sequence(literal(name + syntax.assign), value(notation)),
        any: () => sequence(anyName, literal(syntax.assign), builder.anyValue(notation)),
      });
    }
    case "text":
      // Plain text has no recognisable end, so no schema can limit it. Every family with such texts can write JSON as well.
      return never;
  }
}

export function jsonArguments(builder: GrammarBuilder, { name, parameters, loose }: ToolGrammar): Expression {
  if (loose) return builder.anyObject();
  return hasNoParameters(parameters) ? literal("{}") : builder.schema(parameters, `${name}-arguments`);
}

/** Whether the tool declares an empty list of parameters, even if its schema allows additional parameters. */
function hasNoParameters(parameters: unknown): boolean {
  const { properties, required, ...others } = (parameters ?? {}) as Readonly<Record<string, unknown>>;
  const declares = typeof properties === "object" && properties !== null && Object.keys(properties).length === 0;
  const requires = Array.isArray(required) && required.length > 0;
  return declares && !requires && isOpen(others);
}

/** Whether the schema says only that the arguments are an object. */
function isOpen(parameters: unknown): boolean {
  const { type, ...others } = (parameters ?? {}) as Readonly<Record<string, unknown>>;
  return (
    (type === undefined || type === "object") && Object.keys(others).every((keyword) => annotations.includes(keyword))
  );
}

const annotations: readonly string[] = ["$schema", "title", "description", "$id", "$comment"];

/** The syntax of a list of members. */
interface MemberSyntax {
  readonly open: string;
  readonly close: string;
  readonly between: Expression;
  /** Whether members may also be sorted by name. */
  readonly sortedNames?: boolean;
  written(property: SchemaProperty): Expression;
  /** Any member, for tools that take any arguments. */
  any(): Expression;
}

function members(builder: GrammarBuilder, { name, parameters, loose }: ToolGrammar, syntax: MemberSyntax): Expression {
  const around = (inner: Expression): Expression => sequence(literal(syntax.open), inner, literal(syntax.close));
  if (loose || isOpen(parameters)) {
    const any = builder.rule("any-argument", syntax.any());
    const another = builder.rule("another-argument", sequence(syntax.between, any));
    return around(optional(sequence(any, repeat(another, 0, Infinity))));
  }
  const known = builder.properties(parameters, `${name}-arguments`).map((property) => ({
    name: nameable(property.name),
    required: property.required,
    expression: builder.rule(`${name}-argument`, syntax.written(property)),
  }));
  const sorted = syntax.sortedNames === true ? known.toSorted(byName) : known;
  const isOther = sorted.some((member, index) => member !== known[index]);
  const declared = inOrder(known, syntax.between);
  return around(isOther ? choice(declared, inOrder(sorted, syntax.between)) : declared);
}

/** Sorts like the templates' `dictsort`, which ignores the case. */
function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name.toLowerCase() < other.name.toLowerCase() ? -1 : 1;
}

/** Members in declared order, separated by `between`. Optional members may be left out. */
function inOrder(
  all: readonly { readonly required: boolean; readonly expression: Expression }[],
  between: Expression,
): Expression {
  // The members that may follow a written member, and the members that may come first.
  let [after, first]: [Expression, Expression] = [empty, empty];
  for (const { required, expression } of all.toReversed()) {
    const next = sequence(between, expression, after);
    const begin = sequence(expression, after);
    [after, first] = required ? [next, begin] : [choice(next, after), choice(begin, first)];
  }
  return first;
}

/** @throws UnsupportedSchemaError for a name with characters of the syntax: the reader would read a different name */
function nameable(name: string): string {
  if (isNameable(name)) return name;
  const reason = `has a member ${JSON.stringify(name)}, which the model's format cannot name`;
  throw new UnsupportedSchemaError("", "properties", reason);
}

function isNameable(name: string): boolean {
  return /^[^\s<>"'`=:(){}[\],]+$/.test(name);
}

const anyName = repeat(oneOf("az", "AZ", "09", "_", "-", "."), 1, 64);

/** Prints a value by its type: as plain text, or as JSON. Python's notation is allowed if the reader cannot take the value for a string. */
function tagged(syntax: TaggedArguments, { parameters }: ToolGrammar): (property: SchemaProperty) => Expression {
  const schema = createSchemaTypes(parameters);
  return ({ name, kind, value, raw, mixed }) => {
    const text = (of: (until: string) => Expression): Expression =>
      taggedMember(syntax, name, "string", taggedText(syntax, of));
    if (kind === "string") return text(raw);
    const other = (inner: Expression): Expression => taggedMember(syntax, name, "json", onLines(syntax, inner));
    if (mixed !== undefined) return choice(text(mixed.raw), other(mixed.others));
    const isText = syntax.type === undefined && schema.types(schema.member(parameters, name))?.has("string") !== false;
    return other(value(isText ? jsonNotation : looseNotation));
  };
}

/** A member of any name and value. If the syntax has a type attribute, the attribute decides how the value is read; otherwise the text decides. */
function anyTagged(builder: GrammarBuilder, syntax: TaggedArguments): Expression {
  const any = (until: string): Expression => builder.anyTextExcept({ anywhere: [[[until]]] });
  const inner = syntax.verbatim === undefined ? any(syntax.value.close) : taggedText(syntax, any);
  const text = taggedMember(syntax, undefined, "string", inner);
  return syntax.type === undefined ? text : choice(text, taggedMember(syntax, undefined, "json", builder.anyValue()));
}

/** @param name undefined: any name */
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

/** Whether the text begins with a tag: the grammar allows white space before a tag, but not before other texts. */
function beginsTag(text: string): boolean {
  return /^[<[\uFDD1-\uFDEF]/.test(text);
}

/** @param raw makes the text up to a marker */
function taggedText({ value, lines, verbatim }: TaggedArguments, raw: (until: string) => Expression): Expression {
  const line = lines ? "\n" : "";
  if (verbatim === undefined) return sequence(literal(line), raw(line + value.close), literal(line));
  const { open, close } = verbatim;
  // Plain text must not look like the opening of verbatim text.
  const plain = raw(/^[\uFDD1-\uFDEF]/.test(open) ? value.close : open.charAt(0));
  return choice(sequence(literal(open), raw(close), literal(close)), plain);
}

/** A family that puts texts on separate lines may put other values on separate lines too. */
function onLines({ lines }: TaggedArguments, value: Expression): Expression {
  return lines ? sequence(optional(literal("\n")), value, optional(literal("\n"))) : value;
}

/** Deepest nesting of elements; deeper values are JSON. */
const mostInnerElements = 4;
/** A higher `maxItems` is ignored, since no answer is so long. */
const mostItems = 2_000;

function element(
  builder: GrammarBuilder,
  syntax: ElementArguments,
  name: string,
  value: SchemaValue,
  depth: number,
): Expression {
  const end = elementEnd(syntax, name);
  return sequence(literal(`${syntax.before}<${name}>`), elementValue(builder, syntax, end, value, depth), literal(end));
}

function elementValue(
  builder: GrammarBuilder,
  syntax: ElementArguments,
  end: string,
  value: SchemaValue,
  depth: number,
): Expression {
  if (value.kind === "string") return value.raw(end);
  if (value.mixed !== undefined) return choice(value.mixed.raw(end), value.mixed.others);
  const inner = depth === mostInnerElements ? undefined : value.inner();
  if (inner === undefined) return value.value(jsonNotation);
  if (inner.kind === "items") {
    const item = sequence(element(builder, syntax, syntax.item, inner.item, depth + 1), blanks);
    return repeat(
      builder.rule(`${syntax.item}-element`, item),
      inner.min,
      inner.max > mostItems ? Infinity : inner.max,
    );
  }
  const known = inner.members.map(({ name, required, ...member }) => ({
    required,
    expression: element(builder, syntax, nameable(name), member, depth + 1),
  }));
  return inOrder(known, blanks);
}

/** Elements in any order, with any text. Only names in the schema are possible: each name needs a rule, which repeats the name in the closing tag. */
function anyElements(builder: GrammarBuilder, syntax: ElementArguments, { parameters }: ToolGrammar): Expression {
  const names = propertyNames(parameters).filter(isNameable);
  const all = names.map((name) => {
    const end = elementEnd(syntax, name);
    const text = builder.anyTextExcept({ anywhere: [[[end]]] });
    return sequence(literal(`${syntax.before}<${name}>`), text, literal(end), blanks);
  });
  return repeat(builder.rule("any-element", choice(...all)), 0, Infinity);
}

function elementEnd({ before }: ElementArguments, name: string): string {
  return `${before}</${name}>`;
}

function spaced(separator: string): Expression {
  const text = separator.trim();
  return text === "" ? blanks : sequence(blanks, literal(text), blanks);
}
