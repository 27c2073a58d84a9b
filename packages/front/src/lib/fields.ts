// Owns fields whose meaning is checked beyond their schema, and how a field that cannot be had is refused: by name, in both dialects.
import { UnsupportedSchemaError, jsonSchemaToGbnf } from "@waggle/json-grammar";
import { WaggleError } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";

/** A wish that we understand and cannot fulfil. */
export function unsupported(field: string, why: string): WaggleError {
  return new WaggleError("invalid_argument", `Cannot accept field "${field}": ${why}.`, {
    details: { problems: [{ field, problem: why }] },
  });
}

/** @throws WaggleError invalid_argument naming the keyword that cannot be had */
export function schemaGrammar(schema: unknown, field: string): string {
  try {
    return jsonSchemaToGbnf(schema);
  } catch (error) {
    if (error instanceof UnsupportedSchemaError) throw unsupported(field, error.message.replace(/\.$/, ""));
    throw error;
  }
}

/** The request with its JSON schema as the grammar that it comes down to. @throws WaggleError invalid_argument */
export function withSchemaGrammar(request: GenerateRequest): GenerateRequest {
  const { json_schema: schema, ...rest } = request;
  return schema === undefined ? request : { ...rest, grammar: schemaGrammar(schema, "json_schema") };
}
