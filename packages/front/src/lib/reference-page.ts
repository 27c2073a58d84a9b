// Owns the reference of all routes as a page: made from the OpenAPI document, without scripts, so that it works wherever the worker does.

/** The parts of an OpenAPI document that the page shows. */
interface Document {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly description?: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses: Readonly<
    Record<string, { readonly description: string; readonly content?: Readonly<Record<string, { schema?: Schema }>> }>
  >;
}

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
}

export const referencePaths = { page: "/reference", style: "/reference.css" } as const;

export const referenceStyle = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
section { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
h3 code { font-size: 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; overflow-wrap: anywhere; }
th { font-weight: 600; }
`;

export function referencePage(openApi: unknown): string {
  const document = openApi as Document;
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  const routes = tags.map((tag) => {
    const own = operations.filter(({ operation }) => operation.tags.includes(tag));
    return `<h2>${text(tag)} routes</h2>${own.map(({ path, method, operation }) => section(path, method, operation)).join("")}`;
  });
  const schemas = Object.entries(document.components.schemas).map(
    ([name, schema]) => `<section id="${text(name)}"><h3><code>${text(name)}</code></h3>${describe(schema)}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${text(document.info.title)}</title>
<link rel="stylesheet" href="${referencePaths.style}"></head>
<body>
<h1>${text(document.info.title)} ${text(document.info.version)}</h1>
<p>${text(document.info.description)} The same as <a href="/openapi.json">OpenAPI</a>.</p>
${routes.join("\n")}
<h2>Shapes</h2>
${schemas.join("\n")}
</body>
</html>
`;
}

function section(path: string, method: string, operation: Operation): string {
  const parameters = (operation.parameters ?? []).map(
    ({ name, in: where, description = "" }) =>
      `<tr><td><code>${text(name)}</code></td><td>${text(where)}</td><td>${text(description)}</td></tr>`,
  );
  const answers = Object.entries(operation.responses).map(([status, { description, content = {} }]) => {
    const bodies = Object.entries(content).map(
      ([type, { schema }]) => `<code>${text(type)}</code> ${schema === undefined ? "" : typeOf(schema)}`,
    );
    return `<tr><td>${text(status)}</td><td>${text(description)}</td><td>${bodies.join("<br>")}</td></tr>`;
  });
  const body = Object.values(operation.requestBody?.content ?? {}).map(
    ({ schema }) => `<p>Body: ${typeOf(schema)}</p>`,
  );
  return `<section><h3><code>${text(method.toUpperCase())} ${text(path)}</code></h3><p>${text(operation.summary)}</p>${body.join("")}${
    parameters.length === 0
      ? ""
      : `<table><tr><th>Parameter</th><th>In</th><th></th></tr>${parameters.join("")}</table>`
  }<table><tr><th>Status</th><th>When</th><th>Body</th></tr>${answers.join("")}</table></section>`;
}

function describe(schema: Schema): string {
  if (schema.properties === undefined) return `<p>${typeOf(schema)} ${text(schema.description ?? "")}</p>`;
  const rows = Object.entries(schema.properties).map(([name, property]) => {
    const mark = schema.required?.includes(name) === true ? " (required)" : "";
    return `<tr><td><code>${text(name)}</code>${mark}</td><td>${typeOf(property)}</td><td>${notes(property)}</td></tr>`;
  });
  return `<table><tr><th>Field</th><th>Type</th><th></th></tr>${rows.join("")}</table>`;
}

function typeOf(schema: Schema): string {
  const name = schema.$ref?.split("/").at(-1);
  if (name !== undefined) return `<a href="#${text(name)}">${text(name)}</a>`;
  const options = schema.anyOf ?? schema.oneOf;
  if (options !== undefined) return options.map(typeOf).join(" or ");
  if (schema.const !== undefined) return `<code>${text(JSON.stringify(schema.const))}</code>`;
  if (schema.enum !== undefined)
    return schema.enum.map((value) => `<code>${text(JSON.stringify(value))}</code>`).join(", ");
  if (schema.items !== undefined) return `list of ${typeOf(schema.items)}`;
  return text(typeof schema.type === "string" ? schema.type : (schema.type ?? ["any"]).join(" or "));
}

function notes({ description, default: fallback, minimum, maximum }: Schema): string {
  const range = minimum === undefined && maximum === undefined ? "" : `${minimum ?? ""}…${maximum ?? ""}. `;
  const given = fallback === undefined ? "" : `Default ${JSON.stringify(fallback)}. `;
  return text(`${range}${given}${description ?? ""}`);
}

function text(value: string): string {
  return value.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}
