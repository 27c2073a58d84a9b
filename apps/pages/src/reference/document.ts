// Owns reading the OpenAPI document: sorts and searches its routes, and makes a command for each route. Pure.

/** The parts of the document that the page shows. */
export interface ApiDocument {
  readonly info: { readonly title: string; readonly version: string; readonly description: string };
  readonly tags: readonly { readonly name: string; readonly description?: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

interface Operation {
  readonly tags: readonly string[];
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
  /** Empty if no token is required. */
  readonly security?: readonly unknown[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Body>> };
  readonly responses: Readonly<Record<string, Answer>>;
}

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly description?: string;
}

export interface Body {
  readonly schema?: Schema;
  readonly example?: unknown;
}

export interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, Body>>;
}

export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema | boolean;
  readonly additionalProperties?: Schema | boolean;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly default?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
}

export interface RouteView {
  /** The id of the route's element on the page. */
  readonly id: string;
  readonly tag: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  /** Whether the route needs no token. */
  readonly open: boolean;
  readonly parameters: readonly Parameter[];
  readonly request: Body | undefined;
  readonly answers: readonly (readonly [status: string, answer: Answer])[];
}

export function routesOf(document: ApiDocument): readonly RouteView[] {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => routeOf(path, method, operation)),
  );
  const order = document.tags.map(({ name }) => name);
  return all.toSorted((a, b) => order.indexOf(a.tag) - order.indexOf(b.tag));
}

function routeOf(path: string, method: string, operation: Operation): RouteView {
  const { tags, summary, parameters = [], requestBody, responses, security } = operation;
  return {
    id: `${method}${path.replaceAll(/[^a-z0-9_]+/gi, "-")}`,
    tag: tags[0] ?? "",
    method: method.toUpperCase(),
    path,
    summary,
    open: security?.length === 0,
    parameters,
    request: requestBody?.content["application/json"],
    answers: Object.entries(responses),
  };
}

export function schemaId(name: string): string {
  return `schema-${name}`;
}

/** The name of the schema to which a reference points. */
export function refName({ $ref }: Schema): string | undefined {
  return $ref?.split("/").at(-1);
}

/** Whether the route's method, path, summary, parameters and body fields contain all words. */
export function routeMatches(route: RouteView, words: string, schemas: ApiDocument["components"]["schemas"]): boolean {
  const taken = route.request?.schema === undefined ? undefined : refName(route.request.schema);
  const fields = Object.keys(schemas[taken ?? ""]?.properties ?? {});
  const parameters = route.parameters.map(({ name }) => name);
  return hasAll([route.tag, route.method, route.path, route.summary, taken ?? "", ...parameters, ...fields], words);
}

export function schemaMatches(name: string, schema: Schema, words: string): boolean {
  return hasAll([name, schema.description ?? "", ...Object.keys(schema.properties ?? {})], words);
}

function hasAll(texts: readonly string[], words: string): boolean {
  const text = texts.join(" ").toLowerCase();
  return words
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A command that works in any POSIX shell, with the token in a variable. */
export function curlOf(route: RouteView, origin: string): string {
  const path = route.path.replaceAll(/\{([^}]+)\}/g, (_, name: string) => `YOUR_${name.toUpperCase()}`);
  const example = route.request?.example;
  return [
    `curl ${isStreamed(route) ? "-N " : ""}${route.method === "GET" ? "" : `-X ${route.method} `}${origin}${path}`,
    ...(route.open ? [] : [`-H "Authorization: Bearer $WAGGLE_API_TOKEN"`]),
    ...(example === undefined
      ? []
      : [`-H "Content-Type: application/json"`, `-d '${JSON.stringify(example).replaceAll("'", String.raw`'\''`)}'`]),
  ].join(" \\\n  ");
}

function isStreamed({ answers }: RouteView): boolean {
  return answers.some(([, { content = {} }]) => "text/event-stream" in content || "application/x-ndjson" in content);
}

/** The limits of a schema's values, and its default. */
export function limitsOf(schema: Schema): readonly string[] {
  const { minimum, maximum, minLength, maxLength, minItems, maxItems } = schema;
  return [
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    range(minItems, maxItems, " entries"),
    schema.default === undefined ? undefined : `default ${JSON.stringify(schema.default)}`,
  ].filter((words) => words !== undefined);
}

/** The words for a range. The bounds of safe integers are ignored, because the generated JSON schema has them for unlimited numbers. */
function range(least: number | undefined, most: number | undefined, unit: string): string | undefined {
  const isBound = (value: number | undefined): value is number =>
    value !== undefined && Math.abs(value) !== Number.MAX_SAFE_INTEGER;
  if (isBound(least) && isBound(most)) return `${number(least)} to ${number(most)}${unit}`;
  if (isBound(least)) return least === 0 && unit !== "" ? undefined : `at least ${number(least)}${unit}`;
  return isBound(most) ? `at most ${number(most)}${unit}` : undefined;
}

function number(value: number): string {
  return value.toLocaleString("en", { maximumFractionDigits: 10 });
}
