// Owns grammars that are put together from several schemas and from what stands around them. Every schema keeps its own root: `#` in it
// means that schema and nothing else.
import { createSchemaCompiler, type SchemaCompiler } from "./compile-schema.ts";
import { UnsupportedSchemaError } from "./errors.ts";
import { isNever, type Expression } from "./expression.ts";
import { anyObject, anyValue } from "./free-form.ts";
import { createGrammar } from "./grammar.ts";
import { defaultGrammarLimits, type GrammarLimits } from "./limits.ts";
import { jsonNotation, type Notation } from "./notation.ts";
import { objectMembers, type SchemaProperty } from "./object-members.ts";
import { textWithout, type TextExceptions } from "./raw-text.ts";
import { createDocument, type SchemaDocument } from "./schema-document.ts";

const root = "root";

export interface GrammarBuilder {
  /**
   * The JSON texts that are valid for the schema, or what says the same in another notation. The same schema object under the same hint
   * is compiled once.
   * @param hint what its rules are called
   * @throws UnsupportedSchemaError with a path from the root of this schema
   */
  schema(schema: unknown, hint: string, notation?: Notation): Expression;
  /** The members of the object that the schema describes, one by one. @throws UnsupportedSchemaError as `objectMembers` does */
  properties(schema: unknown, hint: string): readonly SchemaProperty[];
  /** Any object, or any value, nested to `freeFormDepth`; as JSON, unless another notation is named. */
  anyObject(notation?: Notation): Expression;
  anyValue(notation?: Notation): Expression;
  /** Any text, also none, but for what must not be in it. */
  anyTextExcept(exceptions: TextExceptions, hint?: string): Expression;
  /** A rule of its own for the expression. @returns the reference to it */
  rule(hint: string, expression: Expression): Expression;
  /** A rule whose meaning comes later, so that it may contain itself. */
  reserve(hint: string): { readonly reference: Expression; define(expression: Expression): void };
  /** The grammar that begins with this; to be asked for once. @throws UnsupportedSchemaError when it can match nothing, or at a limit */
  print(start: Expression): string;
}

export interface GrammarBuilderOptions {
  /** Of the whole grammar. */
  readonly limits?: Partial<GrammarLimits>;
}

export function createGrammarBuilder(options: GrammarBuilderOptions = {}): GrammarBuilder {
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
      if (!isPossible) throw nothingToWrite(compiler);
      return expression;
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
      if (text === undefined) throw new UnsupportedSchemaError("", "schema", "leaves nothing to write");
      return text;
    },
  };
}

function nothingToWrite({ contradiction }: SchemaCompiler): UnsupportedSchemaError {
  return new UnsupportedSchemaError(contradiction ?? "", "schema", "leaves no value to write");
}
