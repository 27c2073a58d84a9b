// Derives the required fields of OpenAI's answers from its OpenAPI document, which is too large for the repository:
// node --import tsx tests/clients/openai-document/derive.ts openapi.json > tests/clients/openai-document/required-fields.json
import { readFileSync } from "node:fs";

interface Schema {
  readonly $ref?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
}

const wanted = [
  ...["CreateChatCompletionResponse", "CreateChatCompletionStreamResponse", "CreateCompletionResponse"],
  ...["CreateEmbeddingResponse", "ErrorResponse", "ListModelsResponse", "Response", "ResponseStreamEvent"],
];
/** Variants that this server sends; the document has many more. */
const sent =
  /^(message|output_text|reasoning|reasoning_text|function_call|function|custom|custom_tool_call|text|json_schema|json_object|response\.(created|in_progress|completed|incomplete|failed|output_item\..*|content_part\..*|output_text\.d.*|reasoning_text\..*|function_call_arguments\..*|custom_tool_call_input\..*))$/;
const neverSent = /annotations\[|audio|moderation|^prompt\./;

const { schemas } = (
  JSON.parse(readFileSync(process.argv[2] ?? "openapi.json", "utf8")) as {
    components: { schemas: Record<string, Schema> };
  }
).components;

/** The paths of the required fields: `[]` is each item of a list, and `<type>` a variant. */
function pathsOf(schema: Schema, at: string, above: readonly string[]): string[] {
  if (schema.$ref !== undefined) {
    const name = nameIn(schema.$ref);
    if (above.includes(name) || (at !== "" && wanted.includes(name))) return [];
    return pathsOf(schemas[name] ?? {}, at, [...above, name]);
  }
  const own = (schema.required ?? []).map((name) => join(at, name));
  const parts = Object.entries(schema.properties ?? {}).flatMap(([name, part]) => pathsOf(part, join(at, name), above));
  const items = schema.items === undefined ? [] : pathsOf(schema.items, `${at}[]`, above);
  const all = (schema.allOf ?? []).flatMap((part) => pathsOf(part, at, above));
  const variants = [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])].flatMap((variant) => {
    const type = typeOf(variant);
    if (type === undefined) return pathsOf(variant, at, above);
    return sent.test(type) ? pathsOf(variant, `${at}<${type}>`, above) : [];
  });
  return [...own, ...parts, ...items, ...all, ...variants];
}

function typeOf({ $ref: ref, allOf, properties }: Schema): string | undefined {
  if (ref !== undefined) return typeOf(schemas[nameIn(ref)] ?? {});
  const { type } = properties ?? {};
  const value = type?.const ?? type?.enum?.[0];
  return typeof value === "string" ? value : allOf?.map(typeOf).find((found) => found !== undefined);
}

function nameIn(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

function join(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

const table = wanted.map((name) => [
  name,
  [...new Set(pathsOf({ $ref: `#/${name}` }, "", []))].filter((path) => !neverSent.test(path)).join(" "),
]);
process.stdout.write(`${JSON.stringify(Object.fromEntries(table), null, 2)}\n`);
