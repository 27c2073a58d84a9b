// Declares what the parts of the compiler share: the grammar, the document, and the function that compiles nested schemas.
import type { Condition } from "./conjunction.ts";
import type { Expression } from "../rules/expression.ts";
import type { Grammar } from "../rules/grammar.ts";
import type { SchemaDocument } from "./schema-document.ts";

export interface CompileContext {
  readonly grammar: Grammar;
  readonly document: SchemaDocument;
  /** Writes the values that fulfil all conditions; `never` if there are no such values. */
  compile(conditions: readonly Condition[]): Expression;
}
