// Builds grammars from several schemas and the texts around them. Every schema keeps its own root: `#` in a schema refers to that schema.
import { createSchemaCompiler, type SchemaCompiler } from "./compile-schema.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { isNever, type Expression } from "../rules/expression.ts";
import { anyObject, anyValue } from "./values/free-form.ts";
import { createGrammar } from "../rules/grammar.ts";
import { defaultGrammarLimits, type GrammarLimits } from "../rules/limits.ts";
import { jsonNotation, type Notation } from "../rules/notation.ts";
import { objectMembers, type SchemaProperty } from "./objects/object-members.ts";
import { textWithout, type TextExceptions } from "./strings/raw-text.ts";
import { createDocument, type SchemaDocument } from "./schema-document.ts";

const root = "root";

export interface GrammarBuilder {
  /**
   * The texts of all values that are valid for the schema, as JSON or in another notation. Calls with the same schema object and hint compile the
   * schema once.
   * @param hint beginning of the names of the schema's rules
   * @throws UnsupportedSchemaError with a path from the root of this schema
   */
  schema(schema: unknown, hint: string, notation?: Notation): Expression;
  /** Leaves keywords that no grammar guarantees out of this schema's grammar. @returns their pointers, complete after all calls with the schema */
  leaveOut(schema: unknown): ReadonlySet<string>;
  /** The members of the object that the schema describes, one by one. @throws UnsupportedSchemaError as `objectMembers` does */
  properties(schema: unknown, hint: string): readonly SchemaProperty[];
  /** Any object, nested up to `freeFormDepth` levels. Default notation: JSON. */
  anyObject(notation?: Notation): Expression;
  /** Any value, nested up to `freeFormDepth` levels. Default notation: JSON. */
  anyValue(notation?: Notation): Expression;
  /** Any text without the excluded texts; it may be empty. */
  anyTextExcept(exceptions: TextExceptions, hint?: string): Expression;
  /** Defines a separate rule for the expression, and returns a reference to the rule. */
  rule(hint: string, expression: Expression): Expression;
  /** Reserves a rule that is defined later, so that it may contain itself. */
  reserve(hint: string): { readonly reference: Expression; define(expression: Expression): void };
  /** Prints the grammar that begins with `start`; called once. @throws UnsupportedSchemaError if the grammar matches no text, or at a limit */
  print(start: Expression): string;
}

/** @param options `limits`: limits of the whole grammar */
export function createGrammarBuilder(options: { readonly limits?: Partial<GrammarLimits> } = {}): GrammarBuilder {
  const grammar = createGrammar({ ...defaultGrammarLimits, ...options.limits });
  const compilers = new Map<string, Map<unknown, SchemaCompiler>>();
  const documents = new Map<unknown, SchemaDocument>();
  grammar.reserve(root);

  function compilerOf(schema: unknown, hint: string, notation = jsonNotation): SchemaCompiler {
    const key = `${notation.name} ${hint}`;
    const ofHint = compilers.get(key) ?? new Map<unknown, SchemaCompiler>();
    compilers.set(key, ofHint);
    const document = documents.get(schema) ?? createDocument(schema);
    documents.set(schema, document);
    const compiler = ofHint.get(schema) ?? createSchemaCompiler(document, grammar.in(notation), hint);
    ofHint.set(schema, compiler);
    return compiler;
  }

  return {
    schema: (schema, hint, notation) => {
      const compiler = compilerOf(schema, hint, notation);
      const expression = compiler.compile([{ kind: "schema", at: "" }]);
      const isPossible = expression.kind === "reference" ? grammar.check(expression.rule) : !isNever(expression);
      if (!isPossible) {
        throw new UnsupportedSchemaError(compiler.contradiction ?? "", "schema", "allows no value");
      }
      return expression;
    },
    leaveOut: (schema) => {
      const leftOut = new Set<string>();
      documents.set(schema, createDocument(schema, leftOut));
      return leftOut;
    },
    properties: (schema, hint) => objectMembers((notation) => compilerOf(schema, hint, notation), hint),
    anyObject: (notation = jsonNotation) => anyObject(grammar.in(notation)),
    anyValue: (notation = jsonNotation) => anyValue(grammar.in(notation)),
    anyTextExcept: (exceptions, hint = "text") => textWithout(grammar, exceptions, hint),
    rule: (hint, expression) => grammar.define(grammar.reserve(hint), expression),
    reserve: (hint) => {
      const name = grammar.reserve(hint);
      return {
        reference: { kind: "reference", rule: name },
        define: (expression) => {
          grammar.define(name, expression);
        },
      };
    },
    print: (start) => {
      grammar.define(root, start);
      const text = grammar.print(root);
      if (text === undefined) throw new UnsupportedSchemaError("", "schema", "allows no text");
      return text;
    },
  };
}
