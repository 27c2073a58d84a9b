// Builds the errors for unsupported fields, which name the field in every dialect, and the grammars for fields with a schema.
import type { AnswerGrammarOptions } from "@waggle/chat-format/format";
import { refuseField } from "@waggle/protocol";
import type { CompiledSchema } from "../schemas/schema-thread.ts";
import type { SchemaCompiler } from "../schemas/schema-compiler.ts";

/** Compiles the schema of this field to a grammar. */
export type SchemaGrammar = (schema: unknown, field: string) => Promise<string>;

/** The returned function throws WaggleError invalid_argument with the unsupported keyword, or resource_exhausted. */
export function schemaGrammarFor(compiler: SchemaCompiler, client: string): SchemaGrammar {
  return async (schema, field) => grammarOf(await compiler.compile(schema, client), () => field);
}

/** Compiles the grammar of an answer to messages. `schemaField` and `toolField` name the fields with the schemas, for errors. */
export type AnswerGrammar = (
  options: AnswerGrammarOptions,
  schemaField: string | undefined,
  toolField?: (tool: number) => string,
) => Promise<string>;

/** The returned function throws WaggleError invalid_argument with the unsupported keyword, or resource_exhausted. */
export function answerGrammarFor(compiler: SchemaCompiler, client: string): AnswerGrammar {
  return async (options, schemaField = "response_format", toolField = openAiToolField) => {
    const compiled = await compiler.compileAnswer(options, client);
    return grammarOf(compiled, (tool) => (tool === undefined ? schemaField : toolField(tool)));
  };
}

/** The field of a tool's parameters in OpenAI's chat requests. */
export const openAiToolField = (tool: number): string => `tools.${tool}.function.parameters`;

function grammarOf(
  compiled: Exclude<CompiledSchema, { kind: "failed" }>,
  fieldOf: (tool: number | undefined) => string,
): string {
  if (compiled.kind === "grammar") return compiled.grammar;
  throw refuseField(fieldOf(compiled.tool), compiled.message);
}
