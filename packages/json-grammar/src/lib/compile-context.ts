// Owns what the rooms of the compiler share: one grammar, and the way back to the compiler for schemas within schemas.
import type { Condition } from "./conjunction.ts";
import type { Expression } from "./expression.ts";
import type { Grammar } from "./grammar.ts";
import type { SchemaDocument } from "./schema-document.ts";

export interface CompileContext {
  readonly grammar: Grammar;
  readonly document: SchemaDocument;
  /** The values that fulfil all of these. Never, when there are none. */
  compile(conditions: readonly Condition[]): Expression;
}
