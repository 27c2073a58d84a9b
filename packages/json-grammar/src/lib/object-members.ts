// Owns an object's members one by one, for formats that write arguments in tags instead of JSON: each with the rules of its value.
import type { CompileContext } from "./compile-context.ts";
import { expandConditions, withOptions, type Condition } from "./conjunction.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { choice, literal, never, type Expression } from "./expression.ts";
import { finiteNames } from "./finite-names.ts";
import { fixedValueFilter, readFixedValues } from "./fixed-values.ts";
import { literalChoice } from "./literal-tree.ts";
import { absentNames, memberNames, propertyConditions, requiredNames } from "./properties.ts";
import { endsAtMarker, rawString } from "./raw-text.ts";
import { countOf, has, refuse, type SchemaPart } from "./schema-part.ts";
import { readStringConstraints } from "./strings.ts";
import { namedTypes, writtenTypes } from "./types.ts";
import { alternatives } from "./unions.ts";

/** A member that a schema declares or requires. */
export interface SchemaProperty {
  readonly name: string;
  readonly required: boolean;
  /** `string`: its values are strings and nothing else, so that they can be written without quotes. */
  readonly kind: "string" | "json";
  /** Its value as JSON. */
  readonly rule: Expression;
  /**
   * For a `string`: the value as it is, so that a reader who looks for the marker finds it where it follows. Never, when no value has such
   * a text. @throws UnsupportedSchemaError for any other kind, or when that takes too many states
   */
  raw(until: string): Expression;
  /**
   * Of one that is a string, or else null or a boolean: these others as JSON, and the strings as `raw` has them. A text that says `null` is
   * a value as well, whichever a reader takes it for.
   */
  readonly mixed?: { readonly others: Expression; raw(until: string): Expression };
}

/**
 * What an object has to have: in declared order, those that can have no value left out.
 * @throws UnsupportedSchemaError where the members depend on each other, or where other values than objects are valid
 */
export function objectMembers(context: CompileContext, hint: string): readonly SchemaProperty[] {
  const { grammar } = context;
  const conjunction = expandConditions(context.document, [{ kind: "schema", at: "" }], grammar);
  const { parts, unions, impossible } = conjunction;
  const [union] = unions;
  if (union !== undefined)
    throw refuse(union.owner, union.keyword, "lets the members of an object depend on each other");
  if (impossible) throw new UnsupportedSchemaError("", "schema", "leaves no value to write");
  if (parts.length === 0) return [];
  if (!writtenTypes(parts).has("object")) throw new UnsupportedSchemaError("", "schema", "is not that of an object");
  const required = new Set(requiredNames(parts, grammar));
  const absent = new Set(absentNames(parts, grammar));
  const allowed = finiteNames(context, parts);
  refuseCounts(context, parts, required.size);
  return memberNames(parts, grammar).flatMap((name): readonly SchemaProperty[] => {
    const conditions = propertyConditions(parts, name, grammar);
    const isNamed = !absent.has(name) && (allowed?.has(name) ?? true);
    const rule = isNamed ? context.compile(conditions) : never;
    const isPossible = rule.kind !== "reference" || grammar.check(rule.rule);
    if (!isPossible || (rule.kind === "choice" && rule.options.length === 0)) {
      if (!required.has(name)) return [];
      throw new UnsupportedSchemaError("", "required", `names ${JSON.stringify(name)}, which can have no value`);
    }
    const kind = isStringOnly(context, conditions, 0) ? "string" : "json";
    return [
      {
        name,
        required: required.has(name),
        kind,
        rule,
        raw: (until) => {
          if (kind === "string") return rawValue(context, conditions, until, `${hint}-${name}`);
          throw new UnsupportedSchemaError("", "type", `of ${JSON.stringify(name)} is not that of strings`);
        },
        ...mixedMember(context, conditions, `${hint}-${name}`),
      },
    ];
  });
}

/** What is written member by member cannot be counted. */
function refuseCounts({ grammar }: CompileContext, parts: readonly SchemaPart[], required: number): void {
  const declared = memberNames(parts, grammar).length;
  for (const part of parts) {
    const least = countOf(part, "minProperties", Infinity) ?? 0;
    const most = countOf(part, "maxProperties", Infinity) ?? Infinity;
    const keyword = least > required ? "minProperties" : most < declared ? "maxProperties" : "~value";
    if (keyword !== "~value" || has(part, "~value")) {
      throw refuse(part, keyword, "lets the members of an object depend on each other");
    }
  }
}

/** How deep options may stand in options before it is not asked any more whether they are strings. */
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

const words: Readonly<Record<string, Expression>> = {
  null: literal("null"),
  boolean: choice(literal("true"), literal("false")),
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
  const others = new Set<string>();
  for (const { parts, unions, impossible } of expanded) {
    if (impossible) continue;
    const types = namedTypes(parts);
    if (types === undefined || unions.length > 0 || readFixedValues(parts, context.grammar) !== undefined) return {};
    for (const type of types) {
      if (type === "string") strings.push(parts);
      else if (type in words) others.add(type);
      else return {};
    }
  }
  if (strings.length === 0 || others.size === 0) return {};
  return {
    mixed: {
      others: choice(...[...others].map((type) => words[type] ?? never)),
      raw: (until) => choice(...strings.map((parts) => rawParts(context, parts, until, hint))),
    },
  };
}

function rawValue(context: CompileContext, conditions: readonly Condition[], until: string, hint: string): Expression {
  const { grammar } = context;
  grammar.spend(1);
  const conjunction = expandConditions(context.document, conditions, grammar);
  const { impossible, parts, unions } = conjunction;
  if (impossible) return never;
  if (unions.length > 0)
    return choice(...alternatives(context, conjunction).map((option) => rawValue(context, option, until, hint)));
  return rawParts(context, parts, until, hint);
}

function rawParts({ grammar }: CompileContext, parts: readonly SchemaPart[], until: string, hint: string): Expression {
  const values = readFixedValues(parts, grammar);
  if (values === undefined) return rawString(grammar, readStringConstraints(parts, grammar.limits), until, hint);
  const texts = [...values.values()]
    .filter(fixedValueFilter(grammar, parts))
    .flatMap(({ value }) => (typeof value === "string" && endsAtMarker(value, until) ? [value] : []));
  return texts.length === 1 ? literal(texts[0] ?? "") : literalChoice(texts);
}
