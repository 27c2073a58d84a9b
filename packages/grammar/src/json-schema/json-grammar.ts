// Compiles a JSON Schema to GBNF.
import { createSchemaCompiler } from "./compile-schema.ts";
import { UnsupportedSchemaError } from "../rules/errors.ts";
import { createGrammar } from "../rules/grammar.ts";
import { defaultGrammarLimits, type GrammarLimits } from "../rules/limits.ts";
import { createDocument } from "./schema-document.ts";

const root = "root";

/**
 * The schema as GBNF, llama.cpp's language of grammars. Every text of the grammar is JSON and valid for the schema. The grammar does not accept every
 * text of a valid value: for example, members must have their declared order. The same schema gives the same grammar.
 * @param schema JSON Schema (2020-12, as parsed from JSON), within one document
 * @throws UnsupportedSchemaError when a grammar cannot guarantee valid texts, when no value is valid, or at a limit
 */
export function jsonSchemaToGbnf(schema: unknown, options: { readonly limits?: Partial<GrammarLimits> } = {}): string {
  const grammar = createGrammar({ ...defaultGrammarLimits, ...options.limits });
  const compiler = createSchemaCompiler(createDocument(schema), grammar);
  const start = compiler.compile([{ kind: "schema", at: "" }]);
  const isNamed = start.kind === "reference" && start.rule === root;
  if (!isNamed) grammar.define(root, start);
  const text = grammar.print(root);
  if (text === undefined) throw new UnsupportedSchemaError(compiler.contradiction ?? "", "schema", "allows no value");
  return text;
}
