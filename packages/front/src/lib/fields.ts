// Owns how a field that cannot be had is refused: by name, in every dialect; and the grammars that fields come down to.
import type { AnswerGrammarOptions } from "@waggle/chat-format";
import { WaggleError } from "@waggle/protocol";
import type { CompiledSchema } from "./schema-thread.ts";
import type { SchemaCompiler } from "./schema-compiler.ts";

/** A wish that we understand and cannot fulfil. */
export function unsupported(field: string, why: string): WaggleError {
  return new WaggleError("invalid_argument", `Cannot accept field "${field}": ${why}.`, {
    details: { problems: [{ field, problem: why }] },
  });
}

/** The grammar of a schema in this field. */
export type SchemaGrammar = (schema: unknown, field: string) => Promise<string>;

/** @throws from what it returns: WaggleError invalid_argument naming the keyword that cannot be had; resource_exhausted */
export function schemaGrammarFor(compiler: SchemaCompiler, client: string): SchemaGrammar {
  return async (schema, field) => grammarOf(await compiler.compile(schema, client), () => field);
}

/** The grammar of an answer to messages; both fields are where the request has a schema. */
export type AnswerGrammar = (
  options: AnswerGrammarOptions,
  schemaField: string | undefined,
  toolField?: (tool: number) => string,
) => Promise<string>;

/** @throws from what it returns: WaggleError invalid_argument naming the keyword that cannot be had; resource_exhausted */
export function answerGrammarFor(compiler: SchemaCompiler, client: string): AnswerGrammar {
  return async (options, schemaField = "response_format", toolField = openAiToolField) => {
    const compiled = await compiler.compileAnswer(options, client);
    return grammarOf(compiled, (tool) => (tool === undefined ? schemaField : toolField(tool)));
  };
}

/** Where OpenAI's chat requests have the parameters of a tool. */
export const openAiToolField = (tool: number): string => `tools.${tool}.function.parameters`;

function grammarOf(
  compiled: Exclude<CompiledSchema, { kind: "failed" }>,
  fieldOf: (tool: number | undefined) => string,
): string {
  if (compiled.kind === "grammar") return compiled.grammar;
  throw unsupported(fieldOf(compiled.tool), compiled.message.replace(/\.$/, ""));
}
