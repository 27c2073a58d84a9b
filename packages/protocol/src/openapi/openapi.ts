// Builds the OpenAPI 3.1 document from the route tables. Schemas with an id become components.
import { z } from "zod";
import { ErrorBodySchema } from "../error-body.ts";
import { errorKinds, errorMeanings } from "../errors.ts";
import type { ErrorCode } from "../errors.ts";
import { AnthropicErrorSchema } from "../anthropic/answers.ts";
import { messageBatchRoutes } from "../anthropic/batches.ts";
import { anthropicRoutes } from "../anthropic/routes.ts";
import { llamaServerRoutes } from "../llama-server/routes.ts";
import { LlamaServerErrorSchema } from "../llama-server/requests.ts";
import { OllamaErrorSchema } from "../ollama/answers.ts";
import { ollamaRoutes } from "../ollama/routes.ts";
import { batchRoutes } from "../openai/batches.ts";
import { FileErrorSchema, fileRoutes } from "../openai/files.ts";
import { openAiRoutes } from "../openai/routes.ts";
import { rerankRoutes } from "../rerank/routes.ts";
import { decisionRoutes } from "../decisions/routes.ts";
import { responsesRoutes } from "../responses/routes.ts";
import { OpenAiErrorSchema } from "../openai/answers.ts";
import type { ApiAnswer, ApiBody, ApiDocument, ApiOperation, ApiParameter, ApiRoutes, ApiSchema } from "./document.ts";
import { workerRoutes } from "./routes.ts";
import type { Route } from "./routes.ts";
import { historyRoutes } from "../native/history.ts";
import { logRoutes } from "../native/logs.ts";
import { mcpRoutes } from "../mcp/mcp.ts";
import { hubRoutes } from "../native/hub.ts";
import { modelRoutes } from "../native/models-routes.ts";
import { requestExamples } from "./request-examples.ts";
import { usageRoutes } from "../native/usage.ts";

type SchemaOf = (schema: z.ZodType, io: "input" | "output") => ApiSchema;

/** Error codes of the access checks. */
const gateErrors: readonly ErrorCode[] = ["unauthenticated", "forbidden", "internal"];

/** The routes of a dialect, whose errors have the same shape. */
export interface RouteGroup {
  readonly tag: string;
  readonly note?: string;
  readonly routes: Readonly<Record<string, Route>>;
  readonly error: z.ZodType;
}

export function openApiRoutes(groups: readonly RouteGroup[]): ApiRoutes {
  const components: Record<string, ApiSchema> = {};
  const schemaOf: SchemaOf = (schema, io) => componentRef(schema, io, components);

  const paths: Record<string, Record<string, ApiOperation>> = {};
  for (const { tag, routes, error } of groups) {
    const errorRef = schemaOf(error, "output");
    for (const [operationId, route] of Object.entries(routes)) {
      const path = route.path.replace(/:([a-z_]+)/g, "{$1}");
      paths[path] ??= {};
      paths[path][route.method] = { tags: [tag], ...operation(operationId, route, errorRef, schemaOf) };
    }
  }
  return {
    tags: groups.map(({ tag, note }) => ({
      name: tag,
      ...(note === undefined ? {} : { description: note }),
    })),
    paths,
    components: {
      schemas: Object.fromEntries(Object.entries(components).sort(([a], [b]) => a.localeCompare(b))),
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
    },
    security: [{ bearer: [] }, {}],
  };
}

/** All routes of a worker, by dialect. */
export const workerRouteGroups: readonly RouteGroup[] = [
  {
    tag: "Native",
    routes: {
      ...workerRoutes,
      ...modelRoutes,
      ...hubRoutes,
      ...usageRoutes,
      ...logRoutes,
      ...historyRoutes,
      ...mcpRoutes,
    },
    error: ErrorBodySchema,
    note: "Unknown fields are rejected.",
  },
  {
    tag: "OpenAI",
    routes: openAiRoutes,
    error: OpenAiErrorSchema,
    note: "Served with and without `/v1`. `/completions` without `/v1` is llama-server's route.",
  },
  {
    tag: "Responses",
    routes: responsesRoutes,
    error: OpenAiErrorSchema,
    note: "Served with and without `/v1`.",
  },
  { tag: "Anthropic", routes: { ...anthropicRoutes, ...messageBatchRoutes }, error: AnthropicErrorSchema },
  {
    tag: "Ollama",
    routes: ollamaRoutes,
    error: OllamaErrorSchema,
    note: "Streams are NDJSON. Answers are streamed by default.",
  },
  {
    tag: "llama-server",
    routes: llamaServerRoutes,
    error: LlamaServerErrorSchema,
    note: "Routes about tokens and messages are also served under `/v1`. `POST /completions` belongs to this group if the body has `n_predict`.",
  },
  {
    tag: "Batches",
    routes: { ...fileRoutes, ...batchRoutes },
    error: FileErrorSchema,
    note: "Served with and without `/v1`. Requests that wait until others leave room.",
  },
  { tag: "Rerank", routes: rerankRoutes, error: OpenAiErrorSchema },
  {
    tag: "Decisions",
    routes: decisionRoutes,
    error: OpenAiErrorSchema,
    note: "Served with and without `/v1`. The model's probability of each answer to typed questions; no text is generated.",
  },
];

/** All routes of a worker, by dialect and name. */
export const allWorkerRoutes: Readonly<Record<string, Route>> = Object.fromEntries(
  workerRouteGroups.flatMap(({ tag, routes }) =>
    Object.entries(routes).map(([name, route]) => [`${tag}.${name}`, route]),
  ),
);

export function workerOpenApi(version: string): ApiDocument {
  return {
    openapi: "3.1.0",
    info: {
      title: "Waggle worker",
      version,
      description:
        "An LLM inference worker that streams tokens as server-sent events, in the dialects of OpenAI, Anthropic, Ollama and llama-server.",
    },
    ...openApiRoutes(workerRouteGroups),
  };
}

function operation(
  operationId: string,
  route: Route,
  errorRef: ApiSchema,
  schemaOf: SchemaOf,
): Omit<ApiOperation, "tags"> {
  const parameters = [
    ...[...route.path.matchAll(/:([a-z_]+)/g)].map((match) => parameter("path", match[1] ?? "", "", true)),
    ...Object.entries(route.query ?? {}).map(([name, text]) => parameter("query", name, text, false)),
    ...Object.entries(route.headers ?? {}).map(([name, text]) => parameter("header", name, text, false)),
  ];
  return {
    operationId,
    summary: route.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(route.open === true ? { security: [] } : {}),
    ...(route.request === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { "application/json": { schema: schemaOf(route.request, "input"), ...exampleOf(route.request) } },
          },
        }),
    responses: {
      [route.status ?? 200]: { description: "Success.", ...content(route, schemaOf) },
      ...errorResponses(route, errorRef),
    },
  };
}

function exampleOf(request: z.ZodType): ApiBody {
  const example = requestExamples[request.meta()?.id ?? ""];
  return example === undefined ? {} : { example };
}

function content(route: Route, schemaOf: SchemaOf): Pick<ApiAnswer, "content"> {
  const types: Record<string, ApiBody> = {};
  if (route.stream !== undefined) {
    const schema = schemaOf(route.stream, "output");
    types[route.streamType ?? "text/event-stream"] = { schema };
    // A route that can also answer with one object has only one kind of stream.
    if (route.response === undefined) types["application/x-ndjson"] = { schema };
  }
  if (route.response !== undefined) types["application/json"] = { schema: schemaOf(route.response, "output") };
  if (route.contentType !== undefined) types[route.contentType] = {};
  return Object.keys(types).length === 0 ? {} : { content: types };
}

/** All error codes of a route, including those of the access checks. */
export function errorsOf({ open, errors = [] }: Pick<Route, "open" | "errors">): readonly ErrorCode[] {
  return open === true ? errors : [...errors, ...gateErrors];
}

function errorResponses(route: Route, errorRef: ApiSchema): Record<string, ApiAnswer> {
  const byStatus = new Map<number, ErrorCode[]>();
  for (const code of errorsOf(route)) {
    const { status } = errorKinds[code];
    byStatus.set(status, [...(byStatus.get(status) ?? []), code]);
  }
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      status,
      {
        description: group.map((code) => `${code}: ${errorMeanings[code]}`).join(" "),
        content: { "application/json": { schema: errorRef } },
      },
    ]),
  );
}

function parameter(where: ApiParameter["in"], name: string, description: string, required: boolean): ApiParameter {
  return { name, in: where, required, ...(description === "" ? {} : { description }), schema: { type: "string" } };
}

/** Adds a schema and its nested schemas to `components.schemas`. Returns a reference, or the schema itself if the schema has no id. */
function componentRef(schema: z.ZodType, io: "input" | "output", components: Record<string, ApiSchema>): ApiSchema {
  const {
    $schema: _,
    $defs,
    ...root
  } = z.toJSONSchema(schema, {
    io,
    unrepresentable: "any",
    override: ({ jsonSchema }) => {
      delete jsonSchema.id;
    },
  }) as ApiSchema & { $schema?: string; $defs?: Record<string, ApiSchema> };
  for (const [name, definition] of Object.entries($defs ?? {})) components[name] ??= relocate(definition);
  const id = schema.meta()?.id;
  const relocated = relocate(root);
  if (id === undefined) return relocated;
  components[id] ??= relocated;
  return { $ref: `#/components/schemas/${id}` };
}

function relocate(schema: ApiSchema): ApiSchema {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', '"#/components/schemas/')) as ApiSchema;
}
