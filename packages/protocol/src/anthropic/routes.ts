// Owns the route table of Anthropic's Messages API.
import { AnthropicAnswerSchema, AnthropicEventSchema, TokenCountSchema } from "./answers.ts";
import { CountTokensRequestSchema, MessagesRequestSchema } from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors, route } from "../openapi/route-parts.ts";

export const anthropicRoutes = {
  messages: route("post", "/v1/messages", {
    summary:
      "Answer a conversation. With stream: true, the answer is a stream of events; the last event is message_stop.",
    request: MessagesRequestSchema,
    response: AnthropicAnswerSchema,
    stream: AnthropicEventSchema,
    headers: generationHeaders,
    errors: jobErrors,
  }),
  countTokens: route("post", "/v1/messages/count_tokens", {
    summary: "Count the prompt tokens of a request to /v1/messages.",
    request: CountTokensRequestSchema,
    response: TokenCountSchema,
    errors: queryErrors,
  }),
};
