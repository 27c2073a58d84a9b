// Owns the route table of OpenAI's Responses API. All routes are served with and without `/v1`.
import {
  ResponseCountRequestSchema,
  ResponseDeletedSchema,
  ResponseInputTokensSchema,
  ResponseItemListSchema,
  ResponseRequestSchema,
  ResponseSchema,
  ResponseStreamEventSchema,
} from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors, route } from "../openapi/route-parts.ts";

export const responsesRoutes = {
  createResponse: route("post", "/v1/responses", {
    summary:
      "Answer a conversation. With stream: true, the answer is a stream of events; the last event is completed, incomplete or failed.",
    request: ResponseRequestSchema,
    response: ResponseSchema,
    stream: ResponseStreamEventSchema,
    headers: generationHeaders,
    errors: [...jobErrors, "not_found"],
  }),
  countResponseInput: route("post", "/v1/responses/input_tokens", {
    summary: "Count the prompt tokens of a request to /v1/responses.",
    request: ResponseCountRequestSchema,
    response: ResponseInputTokensSchema,
    errors: [...queryErrors, "not_found"],
  }),
  getResponse: route("get", "/v1/responses/:id", {
    summary: "A stored response. With stream=true, a stream of its past and future events.",
    response: ResponseSchema,
    stream: ResponseStreamEventSchema,
    query: {
      stream: "true: answer with the response's events, while they are stored.",
      starting_after: "Only events with a greater sequence_number; 400 if the response has no event with this number.",
    },
    errors: ["invalid_argument", "not_found", "resource_exhausted"],
  }),
  deleteResponse: route("delete", "/v1/responses/:id", {
    summary: "Delete a stored response.",
    response: ResponseDeletedSchema,
    errors: ["not_found"],
  }),
  responseInputItems: route("get", "/v1/responses/:id/input_items", {
    summary: "The items of the conversation that a stored response answers, earlier responses included.",
    response: ResponseItemListSchema,
    query: {
      limit: "Maximum number of items, 1 to 100; default: 20.",
      order: "asc or desc; default: desc.",
      after: "Id of the item after which the list begins.",
      before: "Id of the item before which the list ends.",
    },
    errors: ["invalid_argument", "not_found"],
  }),
};
