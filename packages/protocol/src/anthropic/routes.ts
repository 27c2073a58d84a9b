// Owns the route table of Anthropic's Messages API.
import { AnthropicAnswerSchema, AnthropicEventSchema, TokenCountSchema } from "./answers.ts";
import { CountTokensRequestSchema, MessagesRequestSchema } from "./requests.ts";
import { generationHeaders, jobErrors, queryErrors } from "../openapi/route-parts.ts";
import type { Route } from "../openapi/routes.ts";

export const anthropicRoutes = {
  messages: {
    method: "post",
    path: "/v1/messages",
    summary:
      "Answer a conversation. With stream: true as events, the last of them message_stop; any model name is served.",
    request: MessagesRequestSchema,
    status: 200,
    response: AnthropicAnswerSchema,
    stream: AnthropicEventSchema,
    headers: generationHeaders,
    errors: jobErrors,
  },
  countTokens: {
    method: "post",
    path: "/v1/messages/count_tokens",
    summary: "How many tokens the prompt of such a conversation has.",
    request: CountTokensRequestSchema,
    status: 200,
    response: TokenCountSchema,
    errors: queryErrors,
  },
} as const satisfies Record<string, Route>;
