// Owns the route table of OpenAI's Responses API. Each route is served with `/v1` and without.
import {
  ResponseCountRequestSchema,
  ResponseDeletedSchema,
  ResponseInputTokensSchema,
  ResponseItemListSchema,
  ResponseRequestSchema,
  ResponseSchema,
  ResponseStreamEventSchema,
} from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";

export const responsesRoutes = {
  createResponse: {
    method: "post",
    path: "/v1/responses",
    summary: "Answer a conversation. With stream: true as events, the last of them completed, incomplete or failed.",
    request: ResponseRequestSchema,
    status: 200,
    response: ResponseSchema,
    stream: ResponseStreamEventSchema,
    headers: generationHeaders,
    errors: [...jobErrors, "not_found"],
  },
  countResponseInput: {
    method: "post",
    path: "/v1/responses/input_tokens",
    summary: "How many tokens the conversation of a request has.",
    request: ResponseCountRequestSchema,
    status: 200,
    response: ResponseInputTokensSchema,
    errors: [...queryErrors, "not_found"],
  },
  getResponse: {
    method: "get",
    path: "/v1/responses/:id",
    summary: "A response that is kept; with stream=true its events again, and those that are still to come.",
    status: 200,
    response: ResponseSchema,
    stream: ResponseStreamEventSchema,
    query: {
      stream: "true: as events, as long as they are held.",
      starting_after: "Only events with a greater sequence_number; 400 where the response has no event of that number.",
    },
    errors: ["invalid_argument", "not_found", "resource_exhausted"],
  },
  deleteResponse: {
    method: "delete",
    path: "/v1/responses/:id",
    summary: "Forget a response.",
    status: 200,
    response: ResponseDeletedSchema,
    errors: ["not_found"],
  },
  responseInputItems: {
    method: "get",
    path: "/v1/responses/:id/input_items",
    summary: "The conversation that a response answered.",
    status: 200,
    response: ResponseItemListSchema,
    query: { limit: "1 to 100; 20 by default.", order: "asc, or desc, the default.", after: "Begin after this item." },
    errors: ["invalid_argument", "not_found"],
  },
} as const satisfies Record<string, Route>;
