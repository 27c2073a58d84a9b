// Owns the tools of the format tests, whose schemas allow calls of some hundred tokens, and the validation of calls.
import { Ajv } from "ajv";

const place = {
  type: "object",
  properties: { street: { type: "string", maxLength: 8 }, number: { type: "integer", minimum: 1, maximum: 999 } },
  required: ["number"],
  additionalProperties: false,
};

const schemas = {
  book_table: {
    type: "object",
    properties: {
      name: { type: "string", minLength: 1, maxLength: 6 },
      guests: { type: "integer", minimum: 1, maximum: 12 },
      area: { enum: ["inside", "terrace", "bar"] },
      smoking: { type: "boolean" },
    },
    required: ["name", "guests", "area"],
    additionalProperties: false,
  },
  send_parcel: {
    type: "object",
    properties: {
      to: place,
      tags: { type: "array", items: { enum: ["fragile", "heavy", "cold"] }, maxItems: 3 },
      weight: { type: "number", minimum: 0, maximum: 30 },
      note: { type: ["string", "null"], maxLength: 6 },
    },
    required: ["to", "tags"],
    additionalProperties: false,
  },
} as const;

export const tools = Object.entries(schemas).map(([name, parameters]) => ({
  type: "function",
  function: { name, description: name, parameters },
}));

const ajv = new Ajv({ allowUnionTypes: true });
const validators = new Map(Object.entries(schemas).map(([name, schema]) => [name, ajv.compile(schema)]));

/** @returns why a call is invalid; undefined if it is valid */
export function callFault(name: string, args: string): string | undefined {
  const validate = validators.get(name);
  if (validate === undefined) return `there is no tool ${JSON.stringify(name)}`;
  try {
    if (validate(JSON.parse(args))) return undefined;
  } catch {
    return `its arguments are not JSON: ${args}`;
  }
  return `${ajv.errorsText(validate.errors)}: ${args}`;
}
