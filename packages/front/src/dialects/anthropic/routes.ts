// Owns the routes of Anthropic's Messages API. `pnpm test dialects/anthropic` runs its contract too.
import { CountTokensRequestSchema, MessagesRequestSchema, anthropicRoutes } from "@waggle/protocol";
import { readBody } from "../../body/body.ts";
import type { AppContext, AppOptions } from "../../server/context.ts";
import { countTokens } from "../../conversation/conversation.ts";
import { routesOf } from "../../generation/dialect.ts";
import type { Answer, Dialect, Handler } from "../../generation/dialect.ts";
import type { Generations } from "../../generation/generations.ts";
import { requestContextOf } from "../../generation/base-job-spec.ts";
import { anthropicCollector } from "./collector.ts";
import { anthropicError } from "./errors.ts";
import { anthropicFraming } from "./framing.ts";
import { conversationOf, translateMessages } from "./request.ts";
import { mayThink } from "./thinking.ts";

export function createAnthropicDialect(options: AppOptions, generations: Generations): Dialect {
  return {
    name: "anthropic",
    routes: routesOf(anthropicRoutes, createRoutes(options, generations)),
    prefixes: ["/v1/messages"],
    errorBody: anthropicError,
  };
}

function createRoutes(options: AppOptions, generations: Generations): Record<keyof typeof anthropicRoutes, Handler> {
  const { clock, limits, models } = options;

  return {
    async messages(c) {
      nameRequest(c);
      const body = await readBody(c, MessagesRequestSchema);
      const streamed = body.stream === true;
      const served = models.find(body.model);
      const spec = await translateMessages(body, requestContextOf(c, options, served, { streamed }));
      const model = served.name;
      const opening = mayThink(body, await served.chatFormat()) ? "thinking" : "text";
      const stream = {
        model,
        opening,
        clock,
        requestId: c.get("requestId"),
        pingIntervalMs: limits.pingIntervalMs,
      } as const;
      const answer: Answer = {
        framing: (job) => anthropicFraming(job, stream),
        collector: (job) => anthropicCollector(job, model),
      };
      return await generations.respond(c, { spec, streamed, answer });
    },
    async countTokens(c) {
      nameRequest(c);
      const body = await readBody(c, CountTokensRequestSchema);
      const served = models.find(body.model);
      const conversation = conversationOf(body, await served.chatFormat());
      return c.json({ input_tokens: await countTokens(c, conversation, served) });
    },
  };
}

/** Sets the header that has the request id in Anthropic's API. Anthropic's clients show this id. */
function nameRequest(c: AppContext): void {
  c.header("request-id", c.get("requestId"));
}
