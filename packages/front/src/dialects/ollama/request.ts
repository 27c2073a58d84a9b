// Translates a request in Ollama's dialect to a JobSpec. Unsupported fields are rejected with their names.
import type { GenerateWork, Picture, PromptInput } from "@waggle/engine";
import type { GenerateSpec, JobSpec } from "@waggle/jobs";
import { refuseField, samplingIn } from "@waggle/protocol";
import type { OllamaChatRequest, OllamaGenerateRequest } from "@waggle/protocol";
import { withConversation } from "../../conversation/conversation.ts";
import type { Conversation } from "../../conversation/conversation.ts";
import type { PromptMessage } from "../../conversation/parts.ts";
import type { SchemaGrammar } from "../../body/fields.ts";
import { baseJobSpec } from "../../generation/base-job-spec.ts";
import type { RequestContext } from "../../generation/base-job-spec.ts";
import { conversationOf } from "./conversation-numbers.ts";
import type { ContextMessage } from "./conversation-numbers.ts";
import { chatMessagesOf, ollamaContent } from "./messages.ts";
import { thinkingOptions } from "./think.ts";
import { sharedThinking, wantsThinking } from "../../conversation/thinking.ts";

export interface OllamaContext extends RequestContext {
  /** The model's name as in the request. */
  readonly asked: string;
  /** Tokens; undefined until the model is loaded. */
  readonly contextSize: number | undefined;
  readonly schemaGrammar: SchemaGrammar;
}

const longestWindow = 65_536;

export async function translateChat(body: OllamaChatRequest, context: OllamaContext): Promise<GenerateSpec> {
  return await conversationJob(chatMessagesOf(body.messages ?? []), body, context);
}

export interface TranslatedPrompt {
  readonly spec: GenerateSpec;
  /** The conversation of the prompt; undefined for raw prompts and infill. */
  readonly turns: readonly ContextMessage[] | undefined;
}

export async function translateGenerate(
  body: OllamaGenerateRequest,
  context: OllamaContext,
): Promise<TranslatedPrompt> {
  const { prompt, suffix, images } = checkedPrompt(body);
  if (body.raw === true) {
    const { pictures, indexOf } = await context.readPictures(images);
    const parts = images.map((source) => ({ type: "image" as const, picture: indexOf(source) ?? 0 }));
    // The text before the pictures, though empty, makes the prompt begin as other texts do.
    const pieces = parts.length === 0 ? [prompt] : ["", ...parts, prompt];
    return { spec: await textJob({ kind: "pieces", pieces }, body, context, pictures), turns: undefined };
  }
  if (suffix !== "") {
    const infill = { prefix: prompt, suffix, extra: [], prompt: "" };
    return { spec: await textJob({ kind: "infill", infill }, body, context), turns: undefined };
  }
  const turns = turnsOf(body, prompt);
  const messages = [...turns.slice(0, -1), { role: "user" as const, content: ollamaContent(prompt, images) }];
  // The pictures are not in `turns`, from which the context of the answer is made: its numbers could not hold them.
  return { spec: await conversationJob(messages, body, context), turns };
}

/** @throws WaggleError invalid_argument for fields that exclude each other */
function checkedPrompt(body: OllamaGenerateRequest): { prompt: string; suffix: string; images: readonly string[] } {
  const prompt = body.prompt ?? "";
  const suffix = body.suffix ?? "";
  const images = body.images ?? [];
  const around = (["system", "context"] as const).find((field) => (body[field]?.length ?? 0) > 0);
  if (body.raw === true) {
    const other = suffix === "" ? around : "suffix";
    if (other !== undefined) throw refuseField(other, "a raw request has only a prompt");
  }
  const beside = around ?? (images.length > 0 ? "images" : undefined);
  if (suffix !== "" && beside !== undefined) throw refuseField(beside, "it cannot be combined with suffix");
  return { prompt, suffix, images };
}

/** A system text of this request replaces the earlier system text. */
function turnsOf({ system, context }: OllamaGenerateRequest, prompt: string): readonly ContextMessage[] {
  const before = context == null || context.length === 0 ? [] : conversationOf(context);
  const user = { role: "user" as const, content: prompt };
  if (system == null || system === "") return [...before, user];
  return [{ role: "system", content: system }, ...before.filter(({ role }) => role !== "system"), user];
}

async function conversationJob(
  messages: readonly PromptMessage[],
  body: OllamaChatRequest | OllamaGenerateRequest,
  context: OllamaContext,
): Promise<GenerateSpec> {
  const spec = jobOf(body, context);
  const options = {
    ...("tools" in body ? { tools: body.tools } : {}),
    ...(await thinkingOf(body, context)),
  };
  return await withConversation(spec, { messages, options, schema: schemaOf(body) }, context);
}

/** Thinking fields that all dialects share override Ollama's default. */
async function thinkingOf(
  body: OllamaChatRequest | OllamaGenerateRequest,
  { chatFormat, asked }: OllamaContext,
): Promise<Conversation["options"]> {
  const isShared = body.think == null && wantsThinking(body) !== undefined;
  const own = isShared ? {} : thinkingOptions(body.think, await chatFormat(), asked);
  return { ...own, ...sharedThinking(body) };
}

async function textJob(
  prompt: PromptInput,
  body: OllamaGenerateRequest,
  context: OllamaContext,
  pictures: readonly Picture[] = [],
): Promise<GenerateSpec> {
  const spec = jobOf(body, context);
  const { sampling } = spec.work;
  const schema = schemaOf(body);
  const work = { ...spec.work, prompt, ...(pictures.length === 0 ? {} : { pictures }) };
  if (schema === undefined) return { ...spec, work };
  const grammar = await context.schemaGrammar(schema.value, schema.field);
  return { ...spec, work: { ...work, sampling: { ...sampling, grammar } } };
}

/** Builds the job without its prompt and the constraints on the answer. */
function jobOf(
  { options, logprobs, top_logprobs: top }: OllamaChatRequest | OllamaGenerateRequest,
  context: OllamaContext,
): JobSpec<Omit<GenerateWork, "prompt">> {
  if (logprobs !== true && top != null && top > 0) throw refuseField("top_logprobs", "it needs logprobs: true");
  const { stop, num_predict: predict } = options ?? {};
  const { repeat_last_n: window, ...sampling } = samplingIn("ollama", options ?? {});
  const fields = {
    ...sampling,
    repeat_last_n: window === -1 ? Math.min(context.contextSize ?? longestWindow, longestWindow) : window,
    stop,
    max_tokens: predict == null || predict < 1 ? undefined : predict,
    top_logprobs: logprobs === true ? (top ?? 0) : undefined,
  };
  return baseJobSpec(fields, context);
}

function schemaOf({ format }: Pick<OllamaChatRequest, "format">): Conversation["schema"] {
  if (format == null || format === "") return undefined;
  return { value: format === "json" ? { type: "object" } : format, field: "format" };
}
