// Owns how a request in OpenAI's dialect becomes the job that both dialects share. What it cannot become is refused by name.
import { GenerateRequestSchema, samplingOf, stopStringsOf } from "@waggle/protocol";
import type { ChatCompletionRequest, CompletionRequest, GenerateRequest, GenerateRequestInput } from "@waggle/protocol";
import type { GenerateSpec, JobScope } from "@waggle/jobs";
import { conversationSpecOf } from "../../conversation.ts";
import type { Conversation, ConversationContext } from "../../conversation.ts";
import { unsupported } from "../../fields.ts";

export interface TranslationContext extends JobScope, ConversationContext {
  /** Longest a collected answer may take. */
  readonly deadlineMs: number | undefined;
}

/** OpenAI's defaults where they differ from the native ones. */
const defaults = { temperature: 1, top_p: 1 } as const;

export async function translateChat(body: ChatCompletionRequest, context: TranslationContext): Promise<GenerateSpec> {
  const topLogprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
  if (topLogprobs === undefined && body.top_logprobs != null)
    throw unsupported("top_logprobs", "it needs logprobs: true");
  const spec = specOf(body, context, {
    max_tokens: body.max_completion_tokens ?? body.max_tokens,
    grammar: body.grammar,
    repetition_limit: body.repetition_limit,
  });
  const { messages } = body;
  const conversation = { messages, options: body, schema: schemaOf(body), sampling: spec.sampling };
  return { ...spec, ...(await conversationSpecOf(conversation, context)), topLogprobs };
}

export function translateCompletion(body: CompletionRequest, context: TranslationContext): GenerateSpec {
  return {
    ...specOf(body, context, {
      max_tokens: body.max_tokens,
      grammar: body.grammar,
      repetition_limit: body.repetition_limit,
    }),
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

/** All of a spec but its prompt and logprobs. */
function specOf(
  body: Shared,
  { deadlineMs, chatFormat: _, answerGrammar: __, ...scope }: TranslationContext,
  own: Partial<Pick<ChatCompletionRequest, "max_tokens" | "grammar" | "repetition_limit">>,
): Omit<GenerateSpec, "prompt" | "topLogprobs"> {
  // The native schema fills in the defaults and checks what both dialects have in common; its prompt is not used.
  const request = parse({ prompt: "-", ...shared(body), ...optional(own) });
  return {
    kind: "generate",
    scope,
    priority: 0,
    deadlineMs,
    onDisconnect: "cancel",
    direct: true,
    choices: body.n ?? 1,
    sampling: samplingOf(request),
    maxTokens: request.max_tokens,
    repetitionLimit: request.repetition_limit ?? undefined,
    contextShift: request.context_shift,
    stop: stopStringsOf(request),
  };
}

type Shared = Pick<
  ChatCompletionRequest,
  | "n"
  | "temperature"
  | "top_p"
  | "top_k"
  | "min_p"
  | "seed"
  | "stop"
  | "presence_penalty"
  | "frequency_penalty"
  | "repeat_penalty"
  | "logit_bias"
  | "ignore_eos"
  | "context_shift"
>;

function shared(body: Shared): GenerateRequestInput {
  return optional({
    temperature: body.temperature ?? defaults.temperature,
    top_p: body.top_p ?? defaults.top_p,
    top_k: body.top_k,
    min_p: body.min_p,
    // OpenAI's seeds are any integers; ours are 32 bits, and -1 asks for a random one.
    seed: body.seed == null || body.seed === -1 ? undefined : ((body.seed % 2 ** 32) + 2 ** 32) % 2 ** 32,
    stop: body.stop,
    presence_penalty: body.presence_penalty,
    frequency_penalty: body.frequency_penalty,
    repeat_penalty: body.repeat_penalty,
    logit_bias: body.logit_bias,
    ignore_eos: body.ignore_eos,
    context_shift: body.context_shift,
  }) as GenerateRequestInput;
}

/** @throws WaggleError invalid_argument; what the dialect's own schema has let through rarely fails here */
function parse(input: GenerateRequestInput): GenerateRequest {
  const result = GenerateRequestSchema.safeParse(input);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw unsupported(issue?.path.map(String).join(".") ?? "", issue?.message ?? "invalid");
}

/** Without the fields that are null or undefined: in this dialect both mean that nothing was said. */
function optional<T extends Record<string, unknown>>(fields: T): { [K in keyof T]: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null)) as never;
}
