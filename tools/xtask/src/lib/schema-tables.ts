// Owns how a JSON schema is told in words: one table row a field. It knows no route.
import { markdownTable } from "@waggle/harness";

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly $ref?: string;
}

/** The section of one schema: its fields, or its variants. */
export function schemaSection(name: string, schema: JsonSchema): string {
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants === undefined) return `### ${name}\n\n${fieldTable(schema)}`;
  if (variants.every(({ $ref }) => $ref !== undefined))
    return `### ${name}\n\nOne of ${variants.map(typeText).join(", ")}.`;
  return `### ${name}\n\nOne of:\n\n${variants.map(variantTable).join("\n\n")}`;
}

function variantTable(schema: JsonSchema): string {
  const [name, tag] = Object.entries(schema.properties ?? {}).find(([, { const: fixed }]) => fixed !== undefined) ?? [];
  if (name === undefined) return typeText(schema);
  return `**\`${String(tag?.const)}\`**\n\n${fieldTable(schema, [name])}`;
}

function fieldTable(schema: JsonSchema, leftOut: readonly string[] = []): string {
  const rows = Object.entries(schema.properties ?? {})
    .filter(([field]) => !leftOut.includes(field))
    .map(([field, value]) => fieldRow(field, value, schema.required ?? []));
  return rows.length === 0 ? "No fields." : markdownTable(["field", "type", "needed", "meaning"], rows);
}

function fieldRow(field: string, schema: JsonSchema, required: readonly string[]): string[] {
  const fallback = schema.default === undefined ? "" : `default \`${JSON.stringify(schema.default)}\``;
  return [`\`${field}\``, typeText(schema), required.includes(field) ? "yes" : fallback, schema.description ?? ""];
}

function typeText(schema: JsonSchema): string {
  if (schema.$ref !== undefined) return reference(schema.$ref.slice(schema.$ref.lastIndexOf("/") + 1));
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``;
  if (schema.enum !== undefined) return schema.enum.map((value) => `\`${JSON.stringify(value)}\``).join(" | ");
  const variants = schema.oneOf ?? schema.anyOf;
  if (variants !== undefined) return variants.map(typeText).join(" or ");
  switch (schema.type) {
    case "array":
      return `array of ${typeText(schema.items ?? {})}${bounds(schema.minItems, schema.maxItems)}`;
    case "object":
      return objectText(schema);
    case "string":
      return `${schema.format ?? "string"}${bounds(schema.minLength, schema.maxLength, " characters")}`;
    case "integer":
    case "number":
      return `${schema.type}${bounds(schema.minimum, schema.maximum)}`;
    default:
      return typeof schema.type === "string" ? schema.type : (schema.type ?? ["any"]).join(" or ");
  }
}

/** Inner objects are small (slots, queue), so they are told in one line. */
function objectText({ properties }: JsonSchema): string {
  if (properties === undefined) return "object";
  const fields = Object.entries(properties).map(([field, value]) => `\`${field}\`: ${typeText(value)}`);
  return `{${fields.join(", ")}}`;
}

function reference(name: string): string {
  return `[${name}](#${name.toLowerCase()})`;
}

/** zod states the largest safe integer where there is no bound. */
function bounds(least: number | undefined, most: number | undefined, unit = ""): string {
  const bounded = most !== undefined && most < Number.MAX_SAFE_INTEGER;
  if (least === undefined) return bounded ? `, at most ${most}${unit}` : "";
  return bounded ? `, ${least} to ${most}${unit}` : `, from ${least}${unit}`;
}
