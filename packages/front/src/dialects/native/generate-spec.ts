// Translates a native request to a JobSpec.
import type { GenerateSpec, JobOwner, JobSpec, JobTerms } from "@waggle/jobs";
import { requestSampling, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";
import { withConversation } from "../../conversation/conversation.ts";
import type { ConversationContext, OfferedCalls } from "../../conversation/conversation.ts";
import type { SchemaGrammar } from "../../body/fields.ts";
import { templateMessage } from "../../conversation/messages.ts";

/** The spec without pictures and constraints on the answer's format, which `withFormat` adds. */
export function generateSpecOf(
  request: GenerateRequest,
  {
    direct,
    model,
    keepAliveMs,
    ...who
  }: Omit<JobOwner, "sessionId"> & Pick<JobSpec, "model"> & Pick<JobTerms, "direct" | "keepAliveMs">,
): GenerateSpec {
  const { messages, prompt = "" } = request;
  return {
    id: request.job_id,
    model,
    who: { ...who, sessionId: request.session_id },
    when: {
      priority: request.priority,
      deadlineMs: request.deadline_ms,
      refusedIfLate: true,
      keepAliveMs,
      onDisconnect: request.on_disconnect,
      onEngineLoss: request.on_engine_loss,
      onWorkerLoss: request.on_worker_loss,
      direct,
      resumable: true,
    },
    work: {
      kind: "generate",
      prompt:
        messages === undefined
          ? { kind: "text", text: prompt }
          : { kind: "messages", messages: messages.map((message) => templateMessage(message, () => undefined)) },
      choices: 1,
      sampling: requestSampling(request),
      maxTokens: request.max_tokens,
      repetitionLimit: request.repetition_limit ?? undefined,
      lora: request.lora,
      guesses: request.guesses ?? undefined,
      stop: stopStringsOf(request),
    },
  };
}

/**
 * Adds the pictures, and the constraints on the answer's format. With messages, the grammar of a schema also allows reasoning before the JSON.
 * @throws WaggleError invalid_argument naming the field
 */
export async function withFormat(
  spec: GenerateSpec,
  request: GenerateRequest,
  context: ConversationContext & { readonly schemaGrammar: SchemaGrammar },
  calls?: OfferedCalls,
): Promise<GenerateSpec> {
  const { messages, json_schema: schema } = request;
  if (messages !== undefined) {
    const wanted = schema === undefined ? undefined : { value: schema, field: "json_schema" };
    return await withConversation(spec, { messages, options: request, schema: wanted }, context, calls);
  }
  if (schema === undefined) return spec;
  const grammar = await context.schemaGrammar(schema, "json_schema");
  return { ...spec, work: { ...spec.work, sampling: { ...spec.work.sampling, grammar } } };
}
