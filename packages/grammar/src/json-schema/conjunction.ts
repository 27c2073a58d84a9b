// Collects all schemas that apply to the same value, with $ref and allOf resolved, into one list.
import { isConstraining, refuseUnsupported } from "./keywords.ts";
import type { Grammar } from "../rules/grammar.ts";
import type { SchemaDocument } from "./schema-document.ts";
import { has, keywordList, pathOf, refuse, type SchemaPart } from "./schema-part.ts";

/** Number of counted steps for visiting a schema, and for each schema in an allOf, anyOf or oneOf. */
const stepsPerSchema = 4;
const stepsPerOption = 1;
/** This many characters of a pointer count as one step: the compiler often looks up pointers, and a pointer may be as long as a request body. */
const charsPerStep = 16;

/** One condition on a value. */
export type Condition =
  /** The whole schema at this pointer. */
  | { readonly kind: "schema"; readonly at: string }
  /** The schema at this pointer, without the schemas that it combines. */
  | { readonly kind: "own"; readonly at: string }
  /** One of the schemas in the anyOf or oneOf at this pointer. */
  | { readonly kind: "union"; readonly at: string };

export interface Union {
  /** Pointer to the keyword. */
  readonly at: string;
  readonly owner: SchemaPart;
  readonly keyword: "anyOf" | "oneOf";
  /** Pointers to the schemas. */
  readonly options: readonly string[];
}

export interface Conjunction {
  /** Whether the schema `false` is one of the conditions, so that no value fulfils all conditions. */
  readonly impossible: boolean;
  /** Schemas with keywords that constrain the value directly. The target of a `$ref` comes before the schema that refers to it. */
  readonly parts: readonly SchemaPart[];
  readonly unions: readonly Union[];
}

/** @throws UnsupportedSchemaError for an unsupported keyword, for a $ref or allOf that refers to itself, and for too much work */
export function expandConditions(
  document: SchemaDocument,
  conditions: readonly Condition[],
  { limits, spend }: Pick<Grammar, "limits" | "spend">,
): Conjunction {
  const parts = new Map<string, SchemaPart>();
  const unions = new Map<string, Union>();
  const done = new Set<string>();
  let impossible = false;

  function addSchema(at: string, trail: readonly string[]): void {
    spend(stepsPerSchema + at.length / charsPerStep);
    if (done.has(at)) return;
    const schema = document.at(at);
    if (schema === false) impossible = true;
    if (typeof schema === "boolean") return;
    refuseUnsupported(document, schema);
    if (trail.length > limits.schemaDepth)
      throw refuse(schema, "$ref", `is more than ${limits.schemaDepth} schemas deep`);
    if (has(schema, "$ref")) {
      const target = document.target(schema);
      spend(target.length / charsPerStep);
      if (target === at || trail.includes(target)) throw refuse(schema, "$ref", "refers to itself");
      addSchema(target, [...trail, at]);
    }
    for (const option of optionsOf(schema, "allOf")) addSchema(option, [...trail, at]);
    for (const keyword of ["anyOf", "oneOf"] as const) if (has(schema, keyword)) addUnion(schema, keyword);
    addOwn(schema);
    done.add(at);
  }

  function addOwn(schema: SchemaPart): void {
    if (isConstraining(schema)) parts.set(schema.path, schema);
  }

  function addUnion(owner: SchemaPart, keyword: Union["keyword"]): void {
    const at = pathOf(owner, keyword);
    unions.set(at, { at, owner, keyword, options: optionsOf(owner, keyword) });
  }

  function optionsOf(schema: SchemaPart, keyword: string): readonly string[] {
    const options = keywordList(schema, keyword, limits.alternatives);
    spend((options?.length ?? 0) * (stepsPerOption + schema.path.length / charsPerStep));
    if (options?.length === 0) throw refuse(schema, keyword, "must have an entry");
    return options?.map((_, index) => pathOf(schema, keyword, index)) ?? [];
  }

  for (const { kind, at } of conditions) {
    if (kind === "schema") {
      addSchema(at, []);
      continue;
    }
    spend(stepsPerSchema + at.length / charsPerStep);
    const keyword = at.endsWith("/anyOf") ? "anyOf" : "oneOf";
    const owner = document.at(kind === "own" ? at : at.slice(0, -keyword.length - 1));
    if (typeof owner === "boolean") continue;
    if (kind === "own") addOwn(owner);
    else addUnion(owner, keyword);
  }
  return { impossible, parts: [...parts.values()], unions: [...unions.values()] };
}

/** For each option of the union at this index: the option, with all other conditions. */
export function withOptions({ parts, unions }: Conjunction, index: number): readonly (readonly Condition[])[] {
  const rest: readonly Condition[] = [
    ...parts.map(({ path }) => ({ kind: "own" as const, at: path })),
    ...unions.toSpliced(index, 1).map(({ at }) => ({ kind: "union" as const, at })),
  ];
  return (unions[index]?.options ?? []).map((at) => [...rest, { kind: "schema", at }]);
}
