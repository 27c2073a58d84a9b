// Owns the settings of a conversation, and their fields in a request. Pure.
import type { ChatAbilities, GenerateRequestInput, Tool } from "@waggle/protocol";
import type { NumberName } from "./fields.ts";

export interface Reasoning {
  /** Absent for the model's default. */
  readonly enabled?: boolean;
  readonly effort?: string;
}

export interface Settings {
  readonly system: string;
  /** An absent parameter has the worker's default. */
  readonly sampling: Readonly<Partial<Record<NumberName, number>>>;
  /** Strings that end an answer. */
  readonly stop?: readonly string[];
  /** JSON schema that the answer must fit. */
  readonly jsonSchema?: Readonly<Record<string, unknown>>;
  readonly reasoning?: Reasoning;
  /** Functions that the model may call; the visitor types in their results. */
  readonly tools?: readonly Tool[];
  /** The tools of the worker's MCP servers that the model may call, by name. True: all; only in settings that an earlier page stored. */
  readonly mcpTools?: true | readonly string[];
  /** The model that answers, at a worker with several models. */
  readonly model?: string;
}

export const noSettings: Settings = { system: "", sampling: {} };

type Thinking = Pick<ChatAbilities, "thinking" | "template_variables">;

/** The model's switches for reasoning. All switches are shown for a model that was never loaded. */
export function reasoningSwitches(chat: Thinking | undefined): Record<"enabled" | "effort" | "budget", boolean> {
  if (chat === undefined) return { enabled: true, effort: true, budget: true };
  return {
    enabled: chat.thinking === "switchable",
    effort: chat.template_variables.includes("reasoning_effort"),
    budget: chat.thinking !== "never",
  };
}

type Carried = Omit<Partial<GenerateRequestInput>, "messages" | "model">;

/**
 * The fields of a request.
 * @param chat the abilities of the model that answers. A switch that the model lacks is left out, because the worker would refuse it.
 */
export function settingsInRequest(settings: Settings, chat: Thinking | undefined): Carried {
  const { sampling, stop = [], jsonSchema, reasoning = {}, tools = [], mcpTools } = settings;
  const { thinking_budget_tokens: budget, ...numbers } = sampling;
  const has = reasoningSwitches(chat);
  return {
    ...numbers,
    ...(budget !== undefined && has.budget ? { thinking_budget_tokens: budget } : {}),
    ...(reasoning.enabled !== undefined && has.enabled ? { enable_thinking: reasoning.enabled } : {}),
    ...(reasoning.effort !== undefined && has.effort ? { reasoning_effort: reasoning.effort } : {}),
    ...(stop.length === 0 ? {} : { stop: [...stop] }),
    ...(jsonSchema === undefined ? {} : { json_schema: jsonSchema }),
    ...(tools.length === 0 ? {} : { tools: [...tools] }),
    ...(mcpTools === undefined ? {} : { mcp_tools: mcpTools === true ? ("all" as const) : [...mcpTools] }),
  };
}
