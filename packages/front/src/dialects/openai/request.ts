// Translates a request in OpenAI's dialect to a JobSpec. Unsupported fields are rejected with their names.
import { refuseField, samplingIn } from "@waggle/protocol";
import type { ChatCompletionRequest, CompletionRequest } from "@waggle/protocol";
import type { GenerateWork, PromptInput } from "@waggle/engine";
import type { GenerateSpec, JobSpec } from "@waggle/jobs";
import { withConversation } from "../../conversation/conversation.ts";
import type { Conversation } from "../../conversation/conversation.ts";
import { readMessages } from "../../conversation/messages.ts";
import { toolOptionsOf, withoutFunctions } from "./functions.ts";
import { baseJobSpec } from "../../generation/base-job-spec.ts";
import type { RequestContext, SamplingFields } from "../../generation/base-job-spec.ts";

export async function translateChat(body: ChatCompletionRequest, context: RequestContext): Promise<GenerateSpec> {
  const topLogprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
  if (topLogprobs === undefined && body.top_logprobs != null)
    throw refuseField("top_logprobs", "it needs logprobs: true");
  const fields = samplingFieldsOf(body, body.max_completion_tokens ?? body.max_tokens);
  const spec = baseJobSpec({ ...fields, top_logprobs: topLogprobs }, context);
  const conversation = { ...(await conversationOf(body, context)), schema: schemaOf(body) };
  return await withConversation(spec, conversation, context);
}

/** The messages and options that make the prompt. @throws WaggleError invalid_argument naming the field */
export async function conversationOf(
  body: ChatCompletionRequest,
  context: Pick<RequestContext, "chatFormat">,
): Promise<Pick<Conversation, "messages" | "options">> {
  const options = { ...body, ...toolOptionsOf(body), chat_template_kwargs: await templateVariablesOf(body, context) };
  return { messages: readMessages(withoutFunctions(body.messages)), options };
}

export interface CompletionSpecs {
  /** The spec that all jobs share, without a prompt. */
  readonly spec: JobSpec<Omit<GenerateWork, "prompt">>;
  readonly prompts: readonly PromptInput[];
}

/** @throws WaggleError invalid_argument naming the field */
export function translateCompletion(body: CompletionRequest, context: RequestContext): CompletionSpecs {
  const { logprobs, n, best_of: bestOf, suffix } = body;
  const choices = bestOf ?? n ?? 1;
  const chooses = choices > (n ?? 1);
  if (choices < (n ?? 1)) throw refuseField("best_of", `it is less than n, which is ${n}`);
  if (chooses && body.stream === true) {
    throw refuseField("best_of", "it cannot be combined with stream");
  }
  const scoresPrompt = body.echo === true && logprobs != null;
  if (scoresPrompt && suffix != null && suffix !== "") {
    throw refuseField("echo", "it cannot be combined with suffix and logprobs");
  }
  // `best_of` needs logprobs to find the best choices.
  const topLogprobs = logprobs ?? (chooses ? 0 : undefined);
  const fields = { ...samplingFieldsOf(body, body.max_tokens), n: choices, top_logprobs: topLogprobs };
  const spec = baseJobSpec(fields, context);
  const work = { ...spec.work, promptLogprobs: scoresPrompt };
  return { spec: { ...spec, work }, prompts: completionPrompts(body) };
}

/** Control tokens in a text stay text; a client that needs control tokens sends tokens. */
function completionPrompts({ prompt, suffix }: CompletionRequest): readonly PromptInput[] {
  return promptsOf(prompt).map((one) => {
    if (suffix == null || suffix === "") {
      return typeof one === "string" ? { kind: "text", text: one } : { kind: "pieces", pieces: [one] };
    }
    if (typeof one !== "string") throw refuseField("suffix", "the prompt is tokens; send it as text");
    return { kind: "infill", infill: { prefix: one, suffix, extra: [], prompt: "" } };
  });
}

export function promptsOf(prompt: CompletionRequest["prompt"]): readonly (string | readonly number[])[] {
  if (typeof prompt === "string") return [prompt];
  return typeof prompt[0] === "number" ? [prompt as number[]] : (prompt as string[] | number[][]);
}

/** The schema of the content, and its field. @throws WaggleError invalid_argument if two fields have a schema */
function schemaOf(body: ChatCompletionRequest): Conversation["schema"] {
  const [schema, another] = [schemaOfFormat(body), schemaIn(body, "json_schema"), schemaIn(body, "guided_json")].filter(
    (each) => each !== undefined,
  );
  if (another !== undefined) throw refuseField(another.field, `${schema?.field ?? ""} already sets a schema`);
  return schema;
}

function schemaIn(body: ChatCompletionRequest, field: "json_schema" | "guided_json"): Conversation["schema"] {
  return body[field] == null ? undefined : { value: body[field], field };
}

function schemaOfFormat({ response_format: format }: ChatCompletionRequest): Conversation["schema"] {
  if (format == null || format.type === "text") return undefined;
  if (format.type === "json_schema") {
    return { value: format.json_schema.schema, field: "response_format.json_schema.schema" };
  }
  return { value: format.schema ?? { type: "object" }, field: "response_format.schema" };
}

/** Adds `verbosity`. @throws WaggleError invalid_argument if the template does not read `verbosity`, except for medium, the default */
async function templateVariablesOf(
  { verbosity, chat_template_kwargs: given }: ChatCompletionRequest,
  { chatFormat }: Pick<RequestContext, "chatFormat">,
): Promise<ChatCompletionRequest["chat_template_kwargs"]> {
  if (verbosity == null) return given;
  if ((await chatFormat()).inputs.variables.includes("verbosity")) return { verbosity, ...given };
  if (verbosity === "medium") return given;
  throw refuseField("verbosity", "this model's chat template does not read it");
}

function samplingFieldsOf(
  body: ChatCompletionRequest | CompletionRequest,
  maxTokens: number | null | undefined,
): SamplingFields {
  return {
    ...body,
    max_tokens: maxTokens,
    ...samplingIn("openai", body),
  };
}
