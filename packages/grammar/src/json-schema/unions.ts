// Splits anyOf and oneOf into alternatives, each combined with the other keywords of the schema.
import type { CompileContext } from "./compile-context.ts";
import { expandConditions, withOptions, type Condition, type Conjunction } from "./conjunction.ts";
import { areDisjoint, separatingSchema, writesNothingFor } from "./values/disjoint.ts";
import { readFixedValues } from "./values/fixed-values.ts";
import type { Grammar } from "../rules/grammar.ts";
import { refuse, type SchemaPart } from "./schema-part.ts";
import { namedTypes } from "./types.ts";

/**
 * Splits the first anyOf or oneOf into alternatives, of which one must hold; the other unions remain in each alternative. If a value could
 * fit two schemas of a oneOf, the alternatives also require or forbid members, so that each value fits one schema.
 * @throws UnsupportedSchemaError for a oneOf with schemas that no member separates
 */
export function alternatives(
  { document, grammar }: CompileContext,
  conjunction: Conjunction,
): readonly (readonly Condition[])[] {
  const options = withOptions(conjunction, 0);
  const [union] = conjunction.unions;
  if (union?.keyword !== "oneOf") return options;
  return options.map((option, index) => {
    const separating = options.flatMap((other, place): readonly Condition[] => {
      if (place === index || areDisjoint(document, grammar, option, other)) return [];
      if (writesNothingFor(document, grammar, option, other)) return [];
      const schema = separatingSchema(document, grammar, option, other);
      if (schema !== undefined) return [{ kind: "schema", at: document.derive(union.at, schema) }];
      if (document.leaveOut(union.owner, "oneOf")) return [];
      throw refuse(
        union.owner,
        "oneOf",
        "is supported only if a type, a fixed value or a member separates its schemas",
      );
    });
    return [...option, ...separating];
  });
}

/** For each alternative, without unions: its schemas. An alternative without values is left out. @param steps counted for each schema */
export function* alternativeParts(
  context: CompileContext,
  conditions: readonly Condition[],
  steps = 1,
): Generator<readonly SchemaPart[]> {
  context.grammar.spend(steps);
  const conjunction = expandConditions(context.document, conditions, context.grammar);
  if (conjunction.impossible) return;
  if (conjunction.unions.length === 0) yield conjunction.parts;
  else for (const option of alternatives(context, conjunction)) yield* alternativeParts(context, option, steps);
}

/** Whether the parts obviously contradict each other, so that their unions need no further splitting. */
export function areContradictory(parts: readonly SchemaPart[], grammar: Grammar): boolean {
  if (parts.length < 2) return false;
  return namedTypes(parts)?.size === 0 || readFixedValues(parts, grammar)?.size === 0;
}
