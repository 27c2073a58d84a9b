// Builds the errors for unsupported fields, which name the field in every dialect, and the grammars for fields with a schema.
import type { AnswerGrammarOptions } from "@waggle/chat-format/format";
import { refuseField } from "@waggle/protocol";
import type { CompiledSchema } from "../schemas/schema-thread.ts";
import type { SchemaCompiler } from "../schemas/schema-compiler.ts";
import type { AppContext } from "../server/context.ts";
import { tellIgnored } from "./ignored-fields.ts";

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

/**
 * The response has a header with the keywords that the grammar leaves out of the tools' schemas.
 * The returned function throws WaggleError invalid_argument with the unsupported keyword, or resource_exhausted.
 */
export function answerGrammarFor(c: AppContext, compiler: SchemaCompiler): AnswerGrammar {
  const named = new Set<string>();
  return async (options, schemaField = "response_format", toolField = openAiToolField) => {
    const compiled = await compiler.compileAnswer(options, c.get("client"));
    const leftOut = compiled.kind === "grammar" ? (compiled.leftOut ?? []) : [];
    // A header cannot have every name of a member.
    const fields = leftOut.map(({ tool, pointer }) => `${toolField(tool)}#${pointer.replaceAll(/[^\w$~/-]/g, "_")}`);
    const added = fields.filter((field) => !named.has(field));
    for (const field of added) named.add(field);
    if (added.length > 0) tellIgnored(c, added);
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
