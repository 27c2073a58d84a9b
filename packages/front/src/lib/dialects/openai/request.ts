// Owns how a request in OpenAI's dialect becomes the job that both dialects share. What it cannot become is refused by name.
import type { ChatCompletionRequest, CompletionRequest } from "@waggle/protocol";
import type { GenerateSpec } from "@waggle/jobs";
import { conversationSpecOf } from "../../conversation.ts";
import type { Conversation } from "../../conversation.ts";
import { unsupported } from "../../fields.ts";
import { specOfWishes } from "../../wishes.ts";
import type { RequestContext, Wishes } from "../../wishes.ts";

/** OpenAI's defaults where they differ from the native ones. */
const defaults = { temperature: 1, top_p: 1 } as const;

export async function translateChat(body: ChatCompletionRequest, context: RequestContext): Promise<GenerateSpec> {
  const topLogprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
  if (topLogprobs === undefined && body.top_logprobs != null)
    throw unsupported("top_logprobs", "it needs logprobs: true");
  const spec = specOfWishes(wishesOf(body, body.max_completion_tokens ?? body.max_tokens), context);
  const { messages } = body;
  const conversation = { messages, options: body, schema: schemaOf(body), sampling: spec.sampling };
  return { ...spec, ...(await conversationSpecOf(conversation, context)), topLogprobs };
}

export function translateCompletion(body: CompletionRequest, context: RequestContext): GenerateSpec {
  return {
    ...specOfWishes(wishesOf(body, body.max_tokens), context),
    prompt: { kind: "text", text: body.prompt },
    topLogprobs: body.logprobs ?? undefined,
  };
}

/** What the content is held to, and where the request says so. @throws WaggleError invalid_argument when it says so twice */
function schemaOf({ response_format: format, json_schema: schema }: ChatCompletionRequest): Conversation["schema"] {
  const asked = format == null || format.type === "text" ? undefined : format;
  if (schema != null && asked !== undefined) throw unsupported("json_schema", "response_format asks for another one");
  if (schema != null) return { value: schema, field: "json_schema" };
  if (asked?.type === "json_schema") {
    return { value: asked.json_schema.schema, field: "response_format.json_schema.schema" };
  }
  if (asked === undefined) return undefined;
  return { value: asked.schema ?? { type: "object" }, field: "response_format.schema" };
}

function wishesOf(body: ChatCompletionRequest | CompletionRequest, maxTokens: number | null | undefined): Wishes {
  return {
    ...body,
    max_tokens: maxTokens,
    temperature: body.temperature ?? defaults.temperature,
    top_p: body.top_p ?? defaults.top_p,
  };
}
