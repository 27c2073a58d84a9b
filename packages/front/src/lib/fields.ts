// Owns fields whose meaning is checked beyond their schema, and how a field that cannot be had is refused: by name, in both dialects.
import { WaggleError } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";
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
  return async (schema, field) => {
    const compiled = await compiler.compile(schema, client);
    if (compiled.kind === "refused") throw unsupported(field, compiled.message.replace(/\.$/, ""));
    return compiled.grammar;
  };
}

/** The request with its JSON schema as the grammar that it comes down to. @throws WaggleError invalid_argument */
export async function withSchemaGrammar(request: GenerateRequest, grammarOf: SchemaGrammar): Promise<GenerateRequest> {
  const { json_schema: schema, ...rest } = request;
  return schema === undefined ? request : { ...rest, grammar: await grammarOf(schema, "json_schema") };
}
