// Splits anyOf and oneOf into alternatives, each combined with the other keywords of the schema.
import type { CompileContext } from "./compile-context.ts";
import { expandConditions, withOptions, type Condition, type Conjunction } from "./conjunction.ts";
import { oppositeOf } from "./derived-schemas.ts";
import { areDisjoint, writesNothingFor } from "./values/disjoint.ts";
import { readFixedValues } from "./values/fixed-values.ts";
import type { Grammar } from "../rules/grammar.ts";
import { absentNames, requiredNames } from "./objects/properties.ts";
import { refuse, type SchemaPart } from "./schema-part.ts";
import { namedTypes } from "./types.ts";

/** Limit for the options of a oneOf that are negated in one alternative: each negation multiplies the number of combinations. */
const mostOpposites = 10;

/**
 * Splits the first anyOf or oneOf into alternatives, of which one must hold; the other unions remain in each alternative. If a value could
 * fit two schemas of a oneOf, the alternative of each schema also requires the negation of the other schema.
 * @throws UnsupportedSchemaError for a oneOf whose schemas cannot be negated
 */
export function alternatives(
  { document, grammar }: CompileContext,
  conjunction: Conjunction,
): readonly (readonly Condition[])[] {
  const options = withOptions(conjunction, 0);
  const [union] = conjunction.unions;
  if (union?.keyword !== "oneOf") return options;
  return options.map((option, index) => {
    const others = options.flatMap((other, place): readonly Condition[] => {
      if (place === index || isApart(option, other)) return [];
      const at = oppositeOf(document, union.options[place] ?? "");
      if (at !== undefined) return [{ kind: "schema", at }];
      const reason = "is supported only if no value can match two of its schemas, or if they can be negated";
      throw refuse(union.owner, "oneOf", reason);
    });
    if (others.length > mostOpposites) {
      throw refuse(union.owner, "oneOf", `has a schema that overlaps with more than ${mostOpposites} others`);
    }
    return [...option, ...others];
  });

  function isApart(one: readonly Condition[], other: readonly Condition[]): boolean {
    return areDisjoint(document, grammar, one, other) || writesNothingFor(document, grammar, one, other);
  }
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
  if (namedTypes(parts)?.size === 0) return true;
  if (readFixedValues(parts, grammar)?.size === 0) return true;
  const types = namedTypes(parts);
  if (types === undefined || types.size !== 1 || !types.has("object")) return false;
  const absent = new Set(absentNames(parts, grammar));
  return absent.size > 0 && requiredNames(parts, grammar).some((name) => absent.has(name));
}
