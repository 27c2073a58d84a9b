// Owns reading the OpenAPI document: sorts and searches its routes, and makes a command for each route. Pure.
import type { ApiAnswer, ApiBody, ApiDocument, ApiOperation, ApiParameter, ApiSchema } from "@waggle/protocol";

export interface RouteView {
  /** The id of the route's element on the page. */
  readonly id: string;
  readonly tag: string;
  readonly method: string;
  readonly path: string;
  readonly summary: string;
  /** Whether the route needs no token. */
  readonly open: boolean;
  readonly parameters: readonly ApiParameter[];
  readonly request: ApiBody | undefined;
  readonly answers: readonly (readonly [status: string, answer: ApiAnswer])[];
}

export function routesOf(document: ApiDocument): readonly RouteView[] {
  const all = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => routeOf(path, method, operation)),
  );
  const order = document.tags.map(({ name }) => name);
  return all.toSorted((a, b) => order.indexOf(a.tag) - order.indexOf(b.tag));
}

function routeOf(path: string, method: string, operation: ApiOperation): RouteView {
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
export function refName({ $ref }: ApiSchema): string | undefined {
  return $ref?.split("/").at(-1);
}

/** Whether the route's method, path, summary, parameters and body fields contain all words. */
export function routeMatches(route: RouteView, words: string, schemas: ApiDocument["components"]["schemas"]): boolean {
  const taken = route.request?.schema === undefined ? undefined : refName(route.request.schema);
  const fields = Object.keys(schemas[taken ?? ""]?.properties ?? {});
  const parameters = route.parameters.map(({ name }) => name);
  return hasAll([route.tag, route.method, route.path, route.summary, taken ?? "", ...parameters, ...fields], words);
}

export function schemaMatches(name: string, schema: ApiSchema, words: string): boolean {
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
export function limitsOf(schema: ApiSchema): readonly string[] {
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
