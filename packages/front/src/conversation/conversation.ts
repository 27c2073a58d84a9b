// Converts the messages of a request to the prompt and the constraints of a JobSpec, for all dialects.
import type { AnswerGrammarOptions, ChatFormat } from "@waggle/chat-format/format";
import type { GenerateWork, Picture, PicturePart, PromptInput } from "@waggle/engine";
import type { GenerateSpec, JobCalls, JobSpec, JobTerms } from "@waggle/jobs";
import type { ServerTool } from "@waggle/mcp";
import { refuseField } from "@waggle/protocol";
import type { ChatOptions, Sampling, Tool, ToolChoice } from "@waggle/protocol";
import { openAiToolField } from "../body/fields.ts";
import { laterChoice } from "../calls/tool-lookup.ts";
import { leavingOf } from "../server/connection.ts";
import type { AppContext, ServedModel } from "../server/context.ts";
import type { AnswerGrammar } from "../body/fields.ts";
import { pictureReader } from "../pictures/picture-reader.ts";
import type { ReadPicturesOf } from "../pictures/picture-reader.ts";
import { pictureSources, templateMessage, templateTools } from "./messages.ts";
import { pictureNote, refuseUnread } from "./parts.ts";
import type { PromptMessage } from "./parts.ts";
import { templateVariables, setsTemplateVariables } from "./thinking.ts";

export interface Conversation {
  readonly messages: readonly PromptMessage[];
  readonly options: ChatOptions;
  /** The schema that the content must match; `field` names the request field that has the schema. */
  readonly schema?: { readonly value: unknown; readonly field: string } | undefined;
  /** Name of the request field with this tool's schema; default: OpenAI's name. */
  readonly toolField?: ((tool: number) => string) | undefined;
}

/** The MCP tools of a request, whose calls the worker runs. */
export interface OfferedCalls extends Pick<JobCalls, "key" | "steps"> {
  readonly tools: readonly ServerTool[];
  /** Time limit of the job. */
  readonly timeoutMs: number;
}

export interface ConversationContext {
  /** @throws WaggleError unavailable while the format is unknown */
  readonly chatFormat: () => Promise<ChatFormat>;
  /** @throws WaggleError invalid_argument with the field and the unsupported keyword; resource_exhausted */
  readonly answerGrammar: AnswerGrammar;
  readonly readPictures: ReadPicturesOf;
}

/** A prompt from messages, and the pictures that it names by their indexes. */
export interface PicturedPrompt {
  readonly prompt: PromptInput & { kind: "messages" };
  /** Undefined without pictures. */
  readonly pictures: readonly Picture[] | undefined;
}

/**
 * Adds the prompt, the constraints on the answer, and the tool calls that the worker runs.
 * @param calls the MCP tools among the conversation's tools
 * @throws WaggleError invalid_argument naming the field
 */
export async function withConversation(
  spec: JobSpec<Omit<GenerateWork, "prompt">>,
  conversation: Conversation,
  context: ConversationContext,
  calls?: OfferedCalls,
): Promise<GenerateSpec> {
  const { sampling } = spec.work;
  const { options, schema } = conversation;
  const plan = toolPlanOf(options);
  if (sampling.grammar !== undefined && (plan?.forced === true || schema !== undefined)) {
    throw refuseField(
      "grammar",
      plan?.forced === true
        ? `${plan.choice === "auto" ? "a choice among the tools" : "a required tool call"} already uses a grammar`
        : `${schema?.field} already sets a grammar`,
    );
  }
  const { prompt, pictures } = await promptOf(conversation, plan?.tools, context);
  const thinkingBudget = await thinkingBudgetOf(options, context);
  if (sampling.grammar !== undefined && thinkingBudget !== undefined) {
    throw refuseField("thinking_budget_tokens", "the request's grammar already describes the whole answer");
  }
  const answerGrammar = await answerGrammarOf(conversation, plan, sampling, context);
  const constraints = answerGrammar === undefined ? {} : { answerGrammar };
  const work = {
    ...spec.work,
    prompt,
    thinkingBudget,
    ...(pictures === undefined ? {} : { pictures }),
    ...constraints,
  };
  if (calls === undefined) return { ...spec, work };
  const grammarOf = async (choice: ToolChoice): Promise<string | undefined> => {
    const later = { ...conversation, options: { ...options, tool_choice: choice } };
    return await answerGrammarOf(later, toolPlanOf(later.options), sampling, context);
  };
  const choice = laterChoice(options.tool_choice);
  const isSame = choice === (options.tool_choice ?? "auto");
  const grammars = { later: isSame ? answerGrammar : await grammarOf(choice), last: await grammarOf("none") };
  const tools = Object.fromEntries(
    calls.tools.map(({ functionName, server, name, allowed }) => [functionName, { server, name, allowed }]),
  );
  return {
    ...spec,
    when: withinTimeout(spec.when, calls.timeoutMs),
    work,
    calls: { key: calls.key, tools, steps: calls.steps, grammars, recorded: [] },
  };
}

/** A forecast refuses a job only for a deadline that its client chose. */
function withinTimeout(when: JobTerms, timeoutMs: number): JobTerms {
  if (when.deadlineMs !== undefined && when.deadlineMs <= timeoutMs) return when;
  return { ...when, deadlineMs: timeoutMs, deadlineSetting: "--mcp-turn-timeout", refusedIfLate: false };
}

/** The grammar of the answer to the conversation with these tools; undefined if nothing constrains the answer. */
async function answerGrammarOf(
  { options, schema, toolField = openAiToolField }: Conversation,
  plan: ToolPlan | undefined,
  sampling: Sampling,
  context: ConversationContext,
): Promise<string | undefined> {
  if (schema === undefined && (plan === undefined || !mayHold(plan, sampling))) return undefined;
  const tools = (plan?.callable ?? []).map(({ function: { name, parameters, strict } }) => ({
    name,
    ...(parameters == null ? {} : { parameters }),
    ...(strict == null ? {} : { strict }),
  }));
  const wish: AnswerGrammarOptions = {
    format: await context.chatFormat(),
    tools,
    choice: plan?.choice ?? "auto",
    parallel: options.parallel_tool_calls !== false,
    ...(schema === undefined ? {} : { schema: schema.value }),
  };
  // Errors of the grammar give a tool's index among the callable tools; the field needs the index among all tools of the request.
  const fieldOf = (at: number): string => toolField(plan?.tools.findIndex((tool) => tool === plan.callable[at]) ?? at);
  return await context.answerGrammar(wish, schema?.field, fieldOf);
}

/**
 * Builds the prompt, also for routes that count or show a prompt without an answer.
 * @throws WaggleError invalid_argument naming the field or the picture; payload_too_large; resource_exhausted
 */
export async function promptOf(
  { messages, options }: Pick<Conversation, "messages" | "options">,
  tools: readonly Tool[] | undefined,
  { chatFormat, readPictures }: Pick<ConversationContext, "chatFormat" | "readPictures">,
): Promise<PicturedPrompt> {
  const continues = continuesFinalMessage(messages, options);
  const variables = setsTemplateVariables(options) ? templateVariables(options, await chatFormat()) : undefined;
  const template = {
    ...(variables === undefined ? {} : { variables }),
    ...(continues ? { continueFinalMessage: true } : {}),
  };
  refuseUnread(messages);
  const { all, attached } = pictureSources(messages);
  const { pictures, indexOf } = await readPictures(all, (source) => attached.has(source));
  const picturePartFor = (source: string): PicturePart | undefined => {
    const picture = indexOf(source);
    if (picture === undefined) return undefined;
    return { type: "image", picture, ...(attached.has(source) ? {} : { note: pictureNote }) };
  };
  return {
    prompt: {
      kind: "messages",
      messages: messages.map((message) => templateMessage(message, picturePartFor)),
      ...(tools === undefined ? {} : { tools: templateTools(tools) }),
      ...(variables === undefined && !continues ? {} : { template }),
    },
    pictures: pictures.length === 0 ? undefined : pictures,
  };
}

interface ToolPlan {
  /** The tools in the prompt. */
  readonly tools: readonly Tool[];
  /** The tools that the answer may call. */
  readonly callable: readonly Tool[];
  readonly choice: AnswerGrammarOptions["choice"];
  /** Whether a grammar is needed: a call is required, or some tools are not allowed. */
  readonly forced: boolean;
}

/** @throws WaggleError as from `promptOf`; unavailable */
export async function countTokens(
  c: AppContext,
  conversation: Pick<Conversation, "messages" | "options">,
  served: ServedModel,
  readPictures = pictureReader(c, served),
): Promise<number> {
  return await countWithTools(c, conversation, toolPlanOf(conversation.options)?.tools, served, readPictures);
}

/** Counts the tokens of a prompt with these tools. @throws WaggleError as from `promptOf`; unavailable */
export async function countWithTools(
  c: AppContext,
  conversation: Pick<Conversation, "messages" | "options">,
  tools: readonly Tool[] | undefined,
  served: ServedModel,
  readPictures = pictureReader(c, served),
): Promise<number> {
  const { chatFormat } = served;
  const { prompt, pictures } = await promptOf(conversation, tools, { chatFormat, readPictures });
  return (await served.query<"count">({ ...prompt, kind: "count", pictures }, leavingOf(c), c.get("client")))
    .promptTokens;
}

/** Undefined when no call is possible. @throws WaggleError invalid_argument */
function toolPlanOf({ tools: given, tool_choice: wanted }: ChatOptions): ToolPlan | undefined {
  const tools = given ?? [];
  const choice = wanted ?? "auto";
  if (choice === "none") return undefined;
  if (tools.length === 0 && choice === "auto") return undefined;
  if (tools.length === 0) throw refuseField("tool_choice", "there are no tools to choose from");
  const names = new Set(tools.map((tool) => tool.function.name));
  if (names.size < tools.length) throw refuseField("tools", "two tools have the same name");
  if (typeof choice === "string") return { tools, callable: tools, choice, forced: choice === "required" };
  const wantedNames = choice.type === "function" ? [choice.function.name] : allowedNames(choice);
  const unknown = wantedNames.find((name) => !names.has(name));
  if (unknown !== undefined) throw refuseField("tool_choice", `there is no tool "${unknown}"`);
  if (choice.type === "function") return { tools, callable: tools, choice: choice.function, forced: true };
  const callable = tools.filter((tool) => wantedNames.includes(tool.function.name));
  return { tools, callable, choice: choice.allowed_tools.mode, forced: true };
}

function allowedNames({ allowed_tools: { tools } }: Extract<ToolChoice, { type: "allowed_tools" }>): string[] {
  return tools.map((tool) => tool.function.name);
}

/**
 * Whether the tools' grammar is used. A forced choice always needs this grammar. Optional calls also work without it: if the request has its own
 * grammar, that grammar is used; with `ignore_eos`, no grammar is used, since a grammar would end the answer.
 */
function mayHold({ forced }: ToolPlan, { grammar, ignore_eos: endless }: Sampling): boolean {
  return forced || (grammar === undefined && !endless);
}

async function thinkingBudgetOf(
  options: ChatOptions,
  { chatFormat }: ConversationContext,
): Promise<number | undefined> {
  const budget = options.thinking_budget_tokens;
  if (budget == null || budget === -1) return undefined;
  if ((await chatFormat()).abilities.thinking !== "never") return budget;
  if (budget === 0) return undefined;
  throw refuseField("thinking_budget_tokens", "this model does not think");
}

function continuesFinalMessage(messages: Conversation["messages"], options: ChatOptions): boolean {
  const continues = options.continue_final_message === true;
  if (continues && options.add_generation_prompt === true) {
    throw refuseField("add_generation_prompt", "true contradicts continue_final_message");
  }
  if (!continues && options.add_generation_prompt === false) {
    throw refuseField("add_generation_prompt", "false needs continue_final_message");
  }
  const last = messages.at(-1);
  if (!continues) return false;
  if (last?.role !== "assistant")
    throw refuseField("continue_final_message", "the last message is not the assistant's");
  if (last.tool_calls != null && last.tool_calls.length > 0) {
    throw refuseField("continue_final_message", "the last message ends with tool calls");
  }
  return true;
}
