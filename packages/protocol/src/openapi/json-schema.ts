// Owns the JSON Schema of a request or an answer.
import { z } from "zod";

interface Facts {
  readonly io: "input" | "output";
  /** Called with the JSON Schema of each nested schema, which it may change. */
  readonly override?: ((context: { readonly jsonSchema: z.core.JSONSchema.BaseSchema }) => void) | undefined;
}

/** A schema with no counterpart in JSON Schema becomes one of any value; a map becomes an object. */
export function jsonSchemaOf(schema: z.ZodType, { io, override }: Facts): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...root } = z.toJSONSchema(schema, {
    ...{ io, unrepresentable: "any" },
    override(context) {
      const { zodSchema, jsonSchema } = context;
      if (zodSchema instanceof z.ZodMap) {
        const values = jsonSchemaOf(zodSchema.valueType as z.ZodType, { io, override });
        Object.assign(jsonSchema, { type: "object", additionalProperties: values });
      }
      override?.(context);
    },
  });
  return root;
}
