// Owns Anthropic's routes: a message, and the count of its tokens, from their bodies to their answers.
import { CountTokensRequestSchema, MessagesRequestSchema } from "@waggle/protocol";
import type { anthropicRoutes } from "@waggle/protocol";
import { readBody } from "../../body.ts";
import { leavingOf } from "../../connection.ts";
import type { AppContext, AppOptions } from "../../context.ts";
import { promptOf, toolsOnOffer } from "../../conversation.ts";
import type { Handler, Streamed } from "../../dialect.ts";
import type { Generations } from "../../generations.ts";
import { requestContextOf } from "../../wishes.ts";
import { anthropicCollector } from "./collector.ts";
import { anthropicFraming } from "./framing.ts";
import { conversationOf, translateMessages } from "./request.ts";
import { mayThink } from "./thinking.ts";

export function createAnthropicRoutes(
  options: AppOptions,
  generations: Generations,
): Record<keyof typeof anthropicRoutes, Handler> {
  const { clock, limits, models } = options;

  return {
    async messages(c) {
      nameRequest(c);
      const body = await readBody(c, MessagesRequestSchema, limits.maxBodyBytes);
      const streamed = body.stream === true;
      const served = models.find(body.model);
      const spec = await translateMessages(body, requestContextOf(c, options, served, { streamed }));
      const model = served.name;
      if (!streamed) {
        return await generations.respond(c, {
          spec,
          answer: { kind: "collected", collector: (job) => anthropicCollector(job, model) },
        });
      }
      const opening = mayThink(body, await served.chatFormat()) ? "thinking" : "text";
      const stream = {
        model,
        opening,
        clock,
        requestId: c.get("requestId"),
        pingIntervalMs: limits.pingIntervalMs,
      } as const;
      const answer: Streamed = { kind: "streamed", framing: (job) => anthropicFraming(job, stream) };
      return await generations.respond(c, { spec, answer });
    },
    async countTokens(c) {
      nameRequest(c);
      const body = await readBody(c, CountTokensRequestSchema, limits.maxBodyBytes);
      const served = models.find(body.model);
      const conversation = conversationOf(body, await served.chatFormat());
      const prompt = await promptOf(conversation, toolsOnOffer(conversation.options), served);
      const { promptTokens } = await served.query<"count">({ ...prompt, kind: "count" }, leavingOf(c));
      return c.json({ input_tokens: promptTokens });
    },
  };
}

/** Anthropic's own header for it, which its clients show. */
function nameRequest(c: AppContext): void {
  c.header("request-id", c.get("requestId"));
}
