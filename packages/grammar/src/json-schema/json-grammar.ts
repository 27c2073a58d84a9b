// Compiles a JSON Schema, or any JSON object, to GBNF. Pure: the same schema gives the same text.
import { createSchemaCompiler } from "./compile-schema.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { anyObject } from "./values/free-form.ts";
import { createGrammar } from "../rules/grammar.ts";
import { defaultGrammarLimits, type GrammarLimits } from "../rules/limits.ts";
import { createDocument } from "./schema-document.ts";

const root = "root";

export interface JsonSchemaToGbnfOptions {
  readonly limits?: Partial<GrammarLimits>;
}

/**
 * The schema as GBNF, llama.cpp's language of grammars; its start is the rule `root`. Every text of the grammar is JSON and valid for the
 * schema. Not every valid value has a text: for example, members come in their declared order.
 * @param schema JSON Schema (2020-12, as parsed from JSON), within one document
 * @throws UnsupportedSchemaError when the grammar could not guarantee that, when no value is valid, or at a limit
 */
export function jsonSchemaToGbnf(schema: unknown, options: JsonSchemaToGbnfOptions = {}): string {
  const grammar = createGrammar({ ...defaultGrammarLimits, ...options.limits });
  const compiler = createSchemaCompiler(createDocument(schema), grammar);
  const start = compiler.compile([{ kind: "schema", at: "" }]);
  const isNamed = start.kind === "reference" && start.rule === root;
  if (!isNamed) grammar.define(root, start);
  const text = grammar.print(root);
  if (text === undefined)
    throw new UnsupportedSchemaError(compiler.contradiction ?? "", "schema", "leaves no value to write");
  return text;
}

/** Any JSON object, nested to `freeFormDepth`, as GBNF. */
export function jsonObjectGbnf(): string {
  const grammar = createGrammar(defaultGrammarLimits);
  grammar.define(root, anyObject(grammar));
  return grammar.print(root) ?? "";
}
