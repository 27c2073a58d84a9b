// Compiles a schema to an expression. Each combination of schemas is compiled once and then referred to.
import { arrayExpression } from "./arrays/arrays.ts";
import type { CompileContext } from "./compile-context.ts";
import { expandConditions, type Condition, type Conjunction } from "./conjunction.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { choice, isEmpty, isNever, never, reference, type Expression } from "../rules/expression.ts";
import { fixedValueFilter, lookUpsPerStep, readFixedValues } from "./values/fixed-values.ts";
import { fitsKeywords } from "./values/fits-schema.ts";
import { anyArray, anyBoolean, anyObject, anyValue, nullWord } from "./values/free-form.ts";
import type { Grammar } from "../rules/grammar.ts";
import { constrains, type JsonType } from "./keywords.ts";
import { literalChoice } from "./values/literal-tree.ts";
import { numberExpression, readNumberConstraints } from "./numbers/numbers.ts";
import { objectExpression } from "./objects/objects.ts";
import type { SchemaDocument } from "./schema-document.ts";
import type { SchemaPart } from "./schema-part.ts";
import { stringExpression } from "./strings/string-expression.ts";
import { readStringConstraints } from "./strings/strings.ts";
import { writtenTypes } from "./types.ts";
import { alternatives, areContradictory } from "./unions.ts";

/** Compiling one schema counts as this many steps of `GrammarLimits.steps`. */
const stepsPerSchema = 20;

export interface SchemaCompiler extends CompileContext {
  /** Path of the first schema without a valid value. If the whole schema has no valid value, this schema is the likely reason. */
  readonly contradiction: string | undefined;
}

/** @throws UnsupportedSchemaError from `compile`, at the first keyword that cannot be compiled */
export function createSchemaCompiler(document: SchemaDocument, grammar: Grammar, hint = "root"): SchemaCompiler {
  const { limits } = grammar;
  const known = new Map<string, Expression>();
  let depth = 0;
  let contradiction: string | undefined;

  function compile(conditions: readonly Condition[]): Expression {
    grammar.spend(stepsPerSchema);
    const conjunction = expandConditions(document, conditions, grammar);
    const { impossible, parts, unions } = conjunction;
    if (impossible) return never;
    if (parts.length === 0 && unions.length === 0) return anyValue(grammar);
    const key = JSON.stringify([parts.map(({ path }) => path).toSorted(), unions.map(({ at }) => at).toSorted()]);
    return known.get(key) ?? compileNew(key, conjunction);
  }

  function compileNew(key: string, conjunction: Conjunction): Expression {
    const path = conjunction.parts[0]?.path ?? conjunction.unions[0]?.owner.path ?? "";
    if (depth === limits.schemaDepth) throw tooLarge(path, `is more than ${limits.schemaDepth} schemas deep`);
    if (known.size === limits.schemaNodes) throw tooLarge(path, `combines more than ${limits.schemaNodes} schemas`);
    const name = grammar.reserve(ruleName(path, hint), path);
    // Store the reference before the schema is compiled, since a schema may contain itself.
    known.set(key, reference(name));
    const expression = compileDeeper(key, conjunction, name);
    if (isNever(expression)) contradiction ??= path;
    const defined = grammar.define(name, expression);
    const compiled = isWord(expression) ? expression : defined;
    known.set(key, compiled);
    return compiled;
  }

  function compileDeeper(key: string, conjunction: Conjunction, name: string): Expression {
    depth += 1;
    try {
      return compileConjunction(conjunction, name);
    } catch (error) {
      known.delete(key);
      throw error;
    } finally {
      depth -= 1;
    }
  }

  function compileConjunction(conjunction: Conjunction, name: string): Expression {
    const { parts, unions } = conjunction;
    if (areContradictory(parts, grammar)) return never;
    const [union] = unions;
    if (union === undefined) return compileParts(parts, name);
    return choice(...alternatives(self, conjunction).map(compile));
  }

  function compileParts(parts: readonly SchemaPart[], name: string): Expression {
    const values = readFixedValues(parts, grammar);
    if (values === undefined) return choice(...[...writtenTypes(parts)].map((type) => compileType(parts, type, name)));
    grammar.spend(values.size / lookUpsPerStep);
    const fits = fixedValueFilter(grammar, parts, (value) => fitsKeywords(self, value, parts));
    return literalChoice([...values.values()].filter(fits).flatMap(({ texts }) => texts));
  }

  function compileType(parts: readonly SchemaPart[], type: JsonType, name: string): Expression {
    switch (type) {
      case "string":
        return stringExpression(grammar, readStringConstraints(parts, limits), `${name}-text`);
      case "number":
      case "integer":
        return numberExpression(grammar, readNumberConstraints(parts, type === "integer"), name);
      case "boolean":
        return anyBoolean(grammar);
      case "null":
        return nullWord(grammar);
      case "object":
        return parts.some((part) => constrains(part, type)) ? objectExpression(self, parts, name) : anyObject(grammar);
      case "array":
        return parts.some((part) => constrains(part, type)) ? arrayExpression(self, parts, name) : anyArray(grammar);
    }
  }

  const self: SchemaCompiler = {
    grammar,
    document,
    compile,
    get contradiction() {
      return contradiction;
    },
  };
  return self;
}

/** Whether the expression is so short that a separate rule for it would make the grammar longer. */
function isWord(expression: Expression): boolean {
  return expression.kind === "reference" || expression.kind === "literal" || isEmpty(expression) || isNever(expression);
}

function tooLarge(path: string, reason: string): UnsupportedSchemaError {
  return new UnsupportedSchemaError(path, "schema", reason);
}

/** Keywords that are left out of names. */
const omitted: ReadonlySet<string> = new Set([
  "properties",
  "$defs",
  "definitions",
  "allOf",
  "anyOf",
  "oneOf",
  "prefixItems",
]);
const renamed: ReadonlyMap<string, string> = new Map([
  ["items", "item"],
  ["additionalProperties", "extra"],
]);

/** Makes a name from a schema's JSON Pointer: `/properties/tags/items` gives `tags-item`. Several schemas may get one name. `root` names the whole schema. */
function ruleName(pointer: string, root: string): string {
  if (pointer === "") return root;
  const keys = pointer.split("/").slice(1);
  const words = keys.map((key) =>
    omitted.has(key) ? "" : /^\d+$/.test(key) ? String(Number(key) + 1) : (renamed.get(key) ?? key),
  );
  return [root === "root" ? "" : root, ...words].filter((word) => word !== "").join("-");
}
