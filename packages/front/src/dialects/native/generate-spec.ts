// Translates a native request to a JobSpec.
import type { GenerateSpec, JobScope } from "@waggle/jobs";
import { samplingOf, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest } from "@waggle/protocol";
import { conversationSpecOf } from "../../conversation/conversation.ts";
import type { ConversationContext } from "../../conversation/conversation.ts";
import type { SchemaGrammar } from "../../body/fields.ts";
import { templateMessage } from "../../conversation/messages.ts";

/** The spec without constraints on the answer's format. */
export function generateSpecOf(
  request: GenerateRequest,
  {
    direct,
    model,
    keepAliveMs,
    ...scope
  }: Omit<JobScope, "sessionId"> & Pick<GenerateSpec, "direct" | "model" | "keepAliveMs">,
): GenerateSpec {
  const { messages, prompt = "" } = request;
  return {
    kind: "generate",
    id: request.job_id,
    model,
    keepAliveMs,
    scope: { ...scope, sessionId: request.session_id },
    priority: request.priority,
    deadlineMs: request.deadline_ms,
    refusedIfLate: true,
    onDisconnect: request.on_disconnect,
    onEngineLoss: request.on_engine_loss,
    onWorkerLoss: request.on_worker_loss,
    direct,
    prompt:
      messages === undefined
        ? { kind: "text", text: prompt }
        : { kind: "messages", messages: messages.map(templateMessage) },
    choices: 1,
    sampling: samplingOf(request),
    maxTokens: request.max_tokens,
    repetitionLimit: request.repetition_limit ?? undefined,
    contextShift: request.context_shift,
    lora: request.lora,
    stop: stopStringsOf(request),
  };
}

/**
 * Adds the constraints on the answer's format. With messages, the grammar of a schema also allows reasoning before the JSON.
 * @throws WaggleError invalid_argument naming the field
 */
export async function withFormat(
  spec: GenerateSpec,
  request: GenerateRequest,
  context: ConversationContext & { readonly schemaGrammar: SchemaGrammar },
): Promise<GenerateSpec> {
  const { messages, json_schema: schema } = request;
  const { sampling } = spec;
  if (messages !== undefined) {
    const wanted = schema === undefined ? undefined : { value: schema, field: "json_schema" };
    return {
      ...spec,
      ...(await conversationSpecOf({ messages, options: request, schema: wanted, sampling }, context)),
    };
  }
  if (schema === undefined) return spec;
  return { ...spec, sampling: { ...sampling, grammar: await context.schemaGrammar(schema, "json_schema") } };
}
