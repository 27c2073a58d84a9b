// Owns what anyOf and oneOf come to: the alternatives, each with all that holds beside it.
import type { CompileContext } from "./compile-context.ts";
import { withOptions, type Condition, type Conjunction } from "./conjunction.ts";
import { oppositeOf } from "./derived-schemas.ts";
import { areDisjoint, writesNothingFor } from "./disjoint.ts";
import { readFixedValues } from "./fixed-values.ts";
import type { Grammar } from "./grammar.ts";
import { absentNames, requiredNames } from "./properties.ts";
import { refuse, type SchemaPart } from "./schema-part.ts";
import { namedTypes } from "./types.ts";

/** Each opposite multiplies what there is to look at. */
const mostOpposites = 10;

/**
 * What is to be fulfilled, one of these: the first anyOf or oneOf taken apart, the others still in it. Where a value could fit two
 * schemas of a oneOf, each comes with the opposite of the other.
 * @throws UnsupportedSchemaError for a oneOf whose schemas have no opposite
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
      const reason = "is supported only where no value can match two of its schemas, or where they have an opposite";
      throw refuse(union.owner, "oneOf", reason);
    });
    if (others.length > mostOpposites) {
      throw refuse(union.owner, "oneOf", `has a schema with which more than ${mostOpposites} others overlap`);
    }
    return [...option, ...others];
  });

  function isApart(one: readonly Condition[], other: readonly Condition[]): boolean {
    return areDisjoint(document, grammar, one, other) || writesNothingFor(document, grammar, one, other);
  }
}

/** Whether nothing can fulfil the parts, as far as that is plain: it need not be taken apart any further. */
export function areContradictory(parts: readonly SchemaPart[], grammar: Grammar): boolean {
  if (parts.length < 2) return false;
  if (namedTypes(parts)?.size === 0) return true;
  if (readFixedValues(parts, grammar)?.size === 0) return true;
  const types = namedTypes(parts);
  if (types === undefined || types.size !== 1 || !types.has("object")) return false;
  const absent = new Set(absentNames(parts, grammar));
  return absent.size > 0 && requiredNames(parts, grammar).some((name) => absent.has(name));
}
