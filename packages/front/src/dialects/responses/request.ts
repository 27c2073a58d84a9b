// Translates a request for a response to a JobSpec, and selects the fields that the response repeats. Unsupported fields are rejected by name.
import type { ChatFormat } from "@waggle/chat-format/format";
import type { GenerateSpec } from "@waggle/jobs";
import { refuseField, samplingIn } from "@waggle/protocol";
import type { ResponseCountRequest, ResponseItem, ResponseRequest } from "@waggle/protocol";
import { withConversation } from "../../conversation/conversation.ts";
import type { Conversation, OfferedCalls } from "../../conversation/conversation.ts";
import { hasEffortLevels, sharedThinking } from "../../conversation/thinking.ts";
import { baseJobSpec } from "../../generation/base-job-spec.ts";
import type { RequestContext, SamplingFields } from "../../generation/base-job-spec.ts";
import { messagesOf } from "./messages.ts";
import type { RequestEcho } from "./response.ts";
import type { Toolbox } from "./tools.ts";

/**
 * @param items the whole conversation, earlier responses included
 * @param calls the calls that the worker runs; `earlier`: number of items of earlier responses
 */
export async function responseSpecOf(
  body: ResponseRequest,
  items: readonly ResponseItem[],
  toolbox: Toolbox,
  context: RequestContext,
  { calls, earlier = 0 }: { readonly calls?: OfferedCalls | undefined; readonly earlier?: number } = {},
): Promise<GenerateSpec> {
  const spec = baseJobSpec(samplingFieldsOf(body), context);
  const conversation = await conversationOfRequest(body, items, toolbox, context, earlier);
  return await withConversation(spec, conversation, context, calls);
}

export async function conversationOfRequest(
  body: ResponseCountRequest,
  items: readonly ResponseItem[],
  { functions, choice, fieldOf }: Toolbox,
  { chatFormat }: Pick<RequestContext, "chatFormat">,
  earlier = 0,
): Promise<Conversation> {
  const servers = new Set((body.tools ?? []).flatMap((tool) => (tool.type === "mcp" ? [tool.server_label] : [])));
  const effort = body.reasoning?.effort;
  return {
    messages: messagesOf(body.instructions, items, { earlier, servers }),
    options: {
      ...(functions.length === 0 ? {} : { tools: [...functions] }),
      tool_choice: choice,
      parallel_tool_calls: body.parallel_tool_calls,
      ...(effort == null ? {} : effortOptions(effort, await chatFormat())),
      ...sharedThinking(body),
    },
    schema: schemaOf(body),
    toolField: fieldOf,
  };
}

/** The fields that the response repeats. `reasoning.effort` is null if the model does not support it. */
export async function echoOf(
  body: ResponseRequest,
  { chatFormat }: Pick<RequestContext, "chatFormat">,
): Promise<RequestEcho> {
  const { temperature, top_p } = samplingIn("responses", body);
  const effort = body.reasoning?.effort;
  const known = effort != null && Object.keys(effortOptions(effort, await chatFormat())).length > 0;
  return {
    background: false,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: body.previous_response_id ?? null,
    reasoning: { effort: known ? effort : null, summary: null },
    store: body.store !== false,
    temperature,
    text: { format: body.text?.format ?? { type: "text" } },
    tool_choice: body.tool_choice ?? "auto",
    tools: (body.tools ?? [])
      .filter(({ type }) => type !== "server")
      // Clients require both fields.
      .map((tool) =>
        tool.type === "function" ? { ...tool, parameters: tool.parameters ?? null, strict: tool.strict ?? null } : tool,
      ),
    top_logprobs: topLogprobsOf(body) ?? 0,
    top_p,
    truncation: "disabled",
  };
}

/**
 * Clients send an effort to every model, so it is ignored if the model has neither effort levels nor a switch.
 * @throws WaggleError invalid_argument for effort none, if the model always thinks
 */
function effortOptions(effort: string, format: ChatFormat): Conversation["options"] {
  const thinks = effort !== "none";
  if (!thinks && format.abilities.thinking === "always") {
    throw refuseField("reasoning.effort", "it cannot be none: this model always thinks");
  }
  return {
    ...(format.abilities.thinkingSwitch === undefined ? {} : { enable_thinking: thinks }),
    ...(thinks && hasEffortLevels(format) ? { reasoning_effort: levels.get(effort) ?? effort } : {}),
  };
}

/** Maps OpenAI's other levels to the levels of templates: low, medium and high. */
const levels: ReadonlyMap<string, string> = new Map([
  ["minimal", "low"],
  ["xhigh", "high"],
  ["max", "high"],
]);

function schemaOf({ text }: ResponseCountRequest): Conversation["schema"] {
  const format = text?.format;
  if (format == null || format.type === "text") return undefined;
  if (format.type === "json_object") return { value: { type: "object" }, field: "text.format" };
  return { value: format.schema, field: "text.format.schema" };
}

function topLogprobsOf({ include, top_logprobs: count }: ResponseRequest): number | undefined {
  const wanted = include?.includes("message.output_text.logprobs") === true;
  return wanted || (count ?? 0) > 0 ? (count ?? 0) : undefined;
}

function samplingFieldsOf(body: ResponseRequest): SamplingFields {
  return {
    ...samplingIn("responses", body),
    max_tokens: body.max_output_tokens,
    top_logprobs: topLogprobsOf(body),
  };
}
