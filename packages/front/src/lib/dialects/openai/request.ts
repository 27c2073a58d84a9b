// Owns how a request in OpenAI's dialect becomes the job that both dialects share. What it cannot become is refused by name.
import type { TemplateMessage, TemplateTool } from "@waggle/engine";
import { hasExactNumbers, jsonObjectGbnf } from "@waggle/json-grammar";
import { GenerateRequestSchema, samplingOf, stopStringsOf } from "@waggle/protocol";
import type {
  ChatCompletionRequest,
  ChatMessage,
  CompletionRequest,
  GenerateRequest,
  GenerateRequestInput,
  Tool,
} from "@waggle/protocol";
import type { GenerateSpec, JobScope } from "@waggle/jobs";
import { unsupported } from "../../fields.ts";
import type { SchemaGrammar } from "../../fields.ts";
import { shapeProblem } from "../../parse-json.ts";
import { toolPlanOf } from "./tools.ts";
import type { ToolPlan } from "./tools.ts";

export interface Translated {
  readonly spec: GenerateSpec;
  /** How the answer's tool calls are to be found; undefined when there can be none. */
  readonly tools: ToolPlan | undefined;
}

export interface TranslationContext extends JobScope {
  /** Longest a collected answer may take. */
  readonly deadlineMs: number | undefined;
  readonly schemaGrammar: SchemaGrammar;
}

/** OpenAI's defaults where they differ from the native ones. */
const defaults = { temperature: 1, top_p: 1 } as const;

export async function translateChat(body: ChatCompletionRequest, context: TranslationContext): Promise<Translated> {
  const tools = toolPlanOf(body);
  if (tools?.schema !== undefined && body.grammar != null) {
    throw unsupported("grammar", "a forced tool call has a grammar of its own");
  }
  const topLogprobs = body.logprobs === true ? (body.top_logprobs ?? 0) : undefined;
  if (topLogprobs === undefined && body.top_logprobs != null)
    throw unsupported("top_logprobs", "it needs logprobs: true");
  const grammar = await grammarOf(body, tools, context.schemaGrammar);
  const messages = body.messages.map(templateMessage);
  return {
    spec: {
      ...specOf(body, context, { max_tokens: body.max_completion_tokens ?? body.max_tokens, grammar }),
      prompt: { kind: "messages", messages, ...(tools === undefined ? {} : { tools: templateTools(tools.tools) }) },
      topLogprobs,
    },
    tools,
  };
}

export function translateCompletion(body: CompletionRequest, context: TranslationContext): Translated {
  return {
    spec: {
      ...specOf(body, context, { max_tokens: body.max_tokens, grammar: body.grammar }),
      prompt: { kind: "text", text: body.prompt },
      topLogprobs: body.logprobs ?? undefined,
    },
    tools: undefined,
  };
}

export function templateMessage(message: ChatMessage): TemplateMessage {
  const content = textOf(message.content);
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content };
    case "user":
      return { role: "user", content };
    case "tool":
      return { role: "tool", content, tool_call_id: message.tool_call_id };
    case "assistant":
      return {
        role: "assistant",
        content,
        ...(message.reasoning_content == null ? {} : { reasoning_content: message.reasoning_content }),
        ...(message.tool_calls == null
          ? {}
          : {
              tool_calls: message.tool_calls.map(({ id, function: { name, arguments: text } }) => ({
                id,
                type: "function" as const,
                function: { name, arguments: parsedArguments(text) },
              })),
            }),
      };
  }
}

export function templateTools(tools: readonly Tool[]): readonly TemplateTool[] {
  return tools.map(({ function: { name, description, parameters } }) => ({
    type: "function",
    function: {
      name,
      ...(description == null ? {} : { description }),
      ...(parameters == null ? {} : { parameters }),
    },
  }));
}

/** What the answer is held to: a call that is due in any case, the format that was asked for, or a grammar of the client's own. */
async function grammarOf(
  { response_format: format, grammar }: ChatCompletionRequest,
  tools: ToolPlan | undefined,
  schemaGrammar: SchemaGrammar,
): Promise<string | undefined> {
  if (tools?.schema !== undefined) return await schemaGrammar(tools.schema, "tools");
  if (format == null || format.type === "text") return grammar ?? undefined;
  if (grammar != null) throw unsupported("grammar", "response_format asks for another grammar");
  if (format.type === "json_object") return jsonObjectGbnf();
  return await schemaGrammar(format.json_schema.schema, "response_format.json_schema.schema");
}

/** All of a spec but its prompt and logprobs. */
function specOf(
  body: Shared,
  { deadlineMs, schemaGrammar: _, ...scope }: TranslationContext,
  own: { readonly max_tokens: number | null | undefined; readonly grammar: string | null | undefined },
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

function textOf(content: ChatMessage["content"]): string {
  if (content == null) return "";
  return typeof content === "string" ? content : content.map((part) => part.text).join("");
}

/**
 * Templates print arguments as JSON of their own. What is no JSON goes in as the text it is, and so does what is nested too deeply to be
 * walked over, or has a number that would be printed as another one: identifiers of 64 bits are usual there.
 */
export function parsedArguments(text: string): unknown {
  if (shapeProblem(text) !== undefined) return text;
  try {
    const value: unknown = JSON.parse(text);
    return hasExactNumbers(value) ? value : text;
  } catch {
    return text;
  }
}
