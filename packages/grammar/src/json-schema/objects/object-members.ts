// Writes each member of an object separately, for formats that write arguments in tags instead of JSON.
import type { CompileContext } from "../compile-context.ts";
import { expandConditions, withOptions, type Condition } from "../conjunction.ts";
import { UnsupportedSchemaError } from "../../rules/errors.ts";
import { choice, never, type Expression } from "../../rules/expression.ts";
import { anyArray, anyBoolean, anyInteger, anyNumber, anyObject, nullWord } from "../values/free-form.ts";
import type { Grammar } from "../../rules/grammar.ts";
import { finiteNames } from "./finite-names.ts";
import { fixedValueFilter, readFixedValues } from "../values/fixed-values.ts";
import { endsAtMarker } from "../values/json-text.ts";
import { constrains, type JsonType } from "../keywords.ts";
import { literalChoice } from "../values/literal-tree.ts";
import { jsonNotation, type Notation } from "../../rules/notation.ts";
import { memberNames, propertyConditions, requiredNames, schemaAt } from "./properties.ts";
import { rawString } from "../strings/raw-text.ts";
import { countOf, countsOf, has, refuse, type SchemaPart } from "../schema-part.ts";
import { readStringConstraints } from "../strings/strings.ts";
import { namedTypes, writtenTypes } from "../types.ts";
import { alternativeParts, alternatives } from "../unions.ts";

/** A value that a schema describes, with its expressions. */
export interface SchemaValue {
  /** `string`: all values are strings, so that they can be written without quotes. */
  readonly kind: "string" | "json";
  /** The value in the given notation. */
  value(notation: Notation): Expression;
  /**
   * For the kind `string`: the text without quotes, up to the end marker `until`. A search for the marker finds it right after the text.
   * `never` if no value has a text of this form.
   * @throws UnsupportedSchemaError for the kind `json`, or if the texts need too many states
   */
  raw(until: string): Expression;
  /**
   * For values that may be strings or of other types: `others` writes the other types as JSON, and `raw` writes the strings. A text such as `null` or
   * `5` is valid as either type.
   */
  readonly mixed?: { readonly others: Expression; raw(until: string): Expression };
  /** The members of an object, or the items of a list with one schema for all items; undefined for other schemas. */
  inner(): InnerValues | undefined;
}

export type InnerValues =
  | { readonly kind: "members"; readonly members: readonly SchemaProperty[] }
  | { readonly kind: "items"; readonly item: SchemaValue; readonly min: number; readonly max: number };

/** A member that a schema declares or requires. */
export interface SchemaProperty extends SchemaValue {
  readonly name: string;
  readonly required: boolean;
}

/** The compiler's shared state for a notation. */
type Contexts = (notation: Notation) => CompileContext;

/**
 * The members of an object in declared order, without members that can have no value.
 * @throws UnsupportedSchemaError if the members depend on each other, or if the schema does not describe an object
 */
export function objectMembers(contexts: Contexts, hint: string): readonly SchemaProperty[] {
  return membersOf(contexts, [{ kind: "schema", at: "" }], hint);
}

function membersOf(contexts: Contexts, whole: readonly Condition[], hint: string): readonly SchemaProperty[] {
  const context = contexts(jsonNotation);
  const { grammar } = context;
  const conjunction = expandConditions(context.document, whole, grammar);
  const { parts, unions, impossible } = conjunction;
  const [union] = unions;
  if (union !== undefined)
    throw refuse(union.owner, union.keyword, "lets the members of an object depend on each other");
  if (impossible) throw new UnsupportedSchemaError("", "schema", "allows no value");
  if (parts.length === 0) return [];
  if (!writtenTypes(parts).has("object")) throw new UnsupportedSchemaError("", "schema", "does not describe an object");
  const required = new Set(requiredNames(parts, grammar));
  const allowed = finiteNames(context, parts);
  refuseCounts(context, parts, required.size);
  return memberNames(parts, grammar).flatMap((name): readonly SchemaProperty[] => {
    const conditions = propertyConditions(parts, name, grammar);
    const rule = (allowed?.has(name) ?? true) ? context.compile(conditions) : never;
    const isPossible = rule.kind !== "reference" || grammar.check(rule.rule);
    if (!isPossible || (rule.kind === "choice" && rule.options.length === 0)) {
      if (!required.has(name)) return [];
      throw new UnsupportedSchemaError("", "required", `names ${JSON.stringify(name)}, which can have no value`);
    }
    return [{ name, required: required.has(name), ...memberValue(contexts, conditions, `${hint}-${name}`) }];
  });
}

function memberValue(contexts: Contexts, conditions: readonly Condition[], hint: string): SchemaValue {
  const context = contexts(jsonNotation);
  const kind = isStringOnly(context, conditions, 0) ? "string" : "json";
  return {
    kind,
    value: (notation) => contexts(notation).compile(conditions),
    raw: (until) => {
      if (kind === "string") return rawValue(context, conditions, until, hint);
      throw new UnsupportedSchemaError("", "type", `of ${JSON.stringify(hint)} must be string`);
    },
    ...mixedMember(context, conditions, hint),
    inner: () => innerValues(contexts, conditions, hint),
  };
}

function innerValues(contexts: Contexts, conditions: readonly Condition[], hint: string): InnerValues | undefined {
  const context = contexts(jsonNotation);
  const { parts, unions, impossible } = expandConditions(context.document, conditions, context.grammar);
  const [type, ...others] = writtenTypes(parts);
  if (impossible || unions.length > 0 || others.length > 0) return undefined;
  if (readFixedValues(parts, context.grammar) !== undefined) return undefined;
  if (type === "array") return innerItems(contexts, parts, hint);
  if (type !== "object") return undefined;
  try {
    const members = membersOf(contexts, conditions, hint);
    return members.length === 0 ? undefined : { kind: "members", members };
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) return undefined;
    throw error;
  }
}

/** Keywords that give the items of a list different schemas, or conditions that depend on other items. */
const unlikeItems = ["prefixItems", "additionalItems", "contains"];

function innerItems(contexts: Contexts, parts: readonly SchemaPart[], hint: string): InnerValues | undefined {
  const { grammar } = contexts(jsonNotation);
  const isUnlike = parts.some((part) => unlikeItems.some((keyword) => has(part, keyword)));
  const listed = parts.filter((part) => has(part, "items"));
  if (isUnlike || listed.length === 0 || listed.some(({ schema }) => Array.isArray(schema["items"]))) return undefined;
  return {
    kind: "items",
    item: memberValue(
      contexts,
      listed.map((part) => schemaAt(part, "items")),
      `${hint}-item`,
    ),
    ...countsOf(parts, "minItems", "maxItems", grammar.limits.repetitions),
  };
}

/** Refuses effective limits of the number of members, since members that are written separately cannot be counted. */
function refuseCounts({ grammar }: CompileContext, parts: readonly SchemaPart[], required: number): void {
  const declared = memberNames(parts, grammar).length;
  for (const part of parts) {
    const least = countOf(part, "minProperties", Infinity) ?? 0;
    const most = countOf(part, "maxProperties", Infinity) ?? Infinity;
    const keyword = least > required ? "minProperties" : most < declared ? "maxProperties" : undefined;
    if (keyword !== undefined) throw refuse(part, keyword, "lets the members of an object depend on each other");
  }
}

/** The compiler does not check whether more deeply nested options are strings; such options count as JSON. */
const deepestOption = 8;

function isStringOnly(context: CompileContext, conditions: readonly Condition[], depth: number): boolean {
  if (depth > deepestOption) return false;
  const conjunction = expandConditions(context.document, conditions, context.grammar);
  const { impossible, parts, unions } = conjunction;
  if (impossible) return true;
  const values = readFixedValues(parts, context.grammar);
  if (values !== undefined && [...values.values()].every(({ value }) => typeof value === "string")) return true;
  const types = namedTypes(parts);
  if (types !== undefined && types.size === 1 && types.has("string")) return true;
  return unions.some((_, index) =>
    withOptions(conjunction, index).every((option) => isStringOnly(context, option, depth + 1)),
  );
}

const anyOfType: Readonly<Record<Exclude<JsonType, "string">, (grammar: Grammar) => Expression>> = {
  null: nullWord,
  boolean: anyBoolean,
  integer: anyInteger,
  number: anyNumber,
  object: anyObject,
  array: anyArray,
};

function mixedMember(
  context: CompileContext,
  conditions: readonly Condition[],
  hint: string,
): Pick<SchemaProperty, "mixed"> {
  const conjunction = expandConditions(context.document, conditions, context.grammar);
  const options = conjunction.unions.length === 0 ? [conditions] : alternatives(context, conjunction);
  const expanded = options.map((option) => expandConditions(context.document, option, context.grammar));
  const strings: (readonly SchemaPart[])[] = [];
  const others = new Set<Exclude<JsonType, "string">>();
  for (const { parts, unions, impossible } of expanded) {
    if (impossible) continue;
    const types = namedTypes(parts);
    if (types === undefined || unions.length > 0 || readFixedValues(parts, context.grammar) !== undefined) return {};
    for (const type of types) {
      if (type === "string") strings.push(parts);
      else if (!isConstrained(parts, type)) others.add(type);
      else return {};
    }
  }
  if (strings.length === 0 || others.size === 0) return {};
  return {
    mixed: {
      others: choice(...[...others].map((type) => anyOfType[type](context.grammar))),
      raw: (until) => choice(...strings.map((parts) => rawParts(context, parts, until, hint))),
    },
  };
}

/** Whether any part constrains values of this type beyond the type itself. */
function isConstrained(parts: readonly SchemaPart[], type: JsonType): boolean {
  if (type === "null" || type === "boolean") return false;
  return parts.some((part) => constrains(part, type === "integer" ? "number" : type));
}

function rawValue(context: CompileContext, conditions: readonly Condition[], until: string, hint: string): Expression {
  return choice(...Array.from(alternativeParts(context, conditions), (parts) => rawParts(context, parts, until, hint)));
}

function rawParts({ grammar }: CompileContext, parts: readonly SchemaPart[], until: string, hint: string): Expression {
  const values = readFixedValues(parts, grammar);
  if (values === undefined) return rawString(grammar, readStringConstraints(parts, grammar.limits), until, hint);
  const texts = [...values.values()]
    .filter(fixedValueFilter(grammar, parts))
    .flatMap(({ value }) => (typeof value === "string" && endsAtMarker(value, until) ? [value] : []));
  return literalChoice(texts);
}
