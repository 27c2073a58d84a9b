// Builds the list of models, one body for the clients of all dialects. Shapes after the API references of OpenAI and Anthropic, Codex's model
// catalog, and llama-server's README.
import type { Model, ModelList, ModelStatus, WorkerInfo } from "@waggle/protocol";
import type { ServedModel } from "../../server/context.ts";

/** Maximum number of tokens that Codex keeps of a tool's output. */
const mostOutputTokens = 10_000;
const outputShare = 4;

/** Codex starts each prompt with this text; with an empty text the model would have no instructions. */
const codingInstructions =
  "You are a coding agent in the user's terminal. Read what matters before you change it, with the tools that are offered. " +
  "Make small, precise changes that fit the code around them, and run what shows that they work. " +
  "Go on until the task is done, and then say in few words what you did.";

const effortLevels = [
  { effort: "low", description: "Short thoughts." },
  { effort: "medium", description: "As the model likes best." },
  { effort: "high", description: "Long thoughts." },
];

type ListedModel = Pick<ServedModel, "name" | "info" | "status">;

/** llama-server's names of model states (tools/server/README.md, "Using multiple models"). */
const serverStates: Readonly<Record<ModelStatus["state"], Model["status"]["value"]>> = {
  unloaded: "unloaded",
  waiting: "loading",
  downloading: "loading",
  loading: "loading",
  ready: "loaded",
  unloading: "loaded",
  failed: "unloaded",
};

/** @param createdMs milliseconds since 1970 */
export function modelOf({ name, info, status }: ListedModel, createdMs: number): Model {
  const facts = info();
  const { state, reason, kind, aliases } = status();
  return {
    id: name,
    object: "model",
    type: "model",
    display_name: name,
    created: Math.floor(createdMs / 1000),
    created_at: new Date(createdMs).toISOString(),
    owned_by: "waggle",
    meta: {
      n_ctx: facts.context_size,
      n_ctx_train: facts.trained_context_size,
      n_params: facts.parameters,
      size: facts.model_bytes,
    },
    architecture: { input_modalities: inputsOf(facts), output_modalities: ["text"] },
    state,
    status: { value: serverStates[state], ...(state === "failed" ? { failed: true, error: reason } : {}) },
    ...(kind === undefined ? {} : { kind }),
    ...(aliases.length === 0 ? {} : { aliases }),
    ...(facts.chat === undefined ? {} : { chat: facts.chat }),
  };
}

/** @param createdMs milliseconds since 1970 */
export function modelListOf(models: readonly ListedModel[], createdMs: number): ModelList {
  return {
    object: "list",
    data: models.map((model) => modelOf(model, createdMs)),
    first_id: models.at(0)?.name ?? null,
    last_id: models.at(-1)?.name ?? null,
    has_more: false,
    models: models.map(({ name, info }) => ({ name, model: name, ...codexModelOf(info()) })),
  };
}

function inputsOf({ vision }: WorkerInfo): string[] {
  return vision !== undefined ? ["text", "image"] : ["text"];
}

/** Returns every field of an entry, since Codex ignores the whole catalog if a field is missing. */
function codexModelOf(info: WorkerInfo): ModelList["models"][number] {
  const { model, chat, context_size: contextSize } = info;
  const hasLevels = chat?.template_variables.includes("reasoning_effort") === true;
  return {
    // llama-server's field.
    capabilities: info.vision !== undefined ? ["completion", "multimodal"] : ["completion"],
    slug: model,
    display_name: model,
    description: `The model ${model}, served by Waggle.`,
    context_window: contextSize ?? null,
    truncation_policy: {
      mode: "tokens",
      limit: Math.min(mostOutputTokens, Math.floor((contextSize ?? Infinity) / outputShare)),
    },
    shell_type: "default",
    visibility: "list",
    supported_in_api: true,
    priority: 0,
    upgrade: null,
    base_instructions: codingInstructions,
    input_modalities: inputsOf(info),
    supports_parallel_tool_calls: chat?.parallel_tool_calls ?? false,
    supports_reasoning_summaries: chat !== undefined && chat.thinking !== "never",
    supported_reasoning_levels: hasLevels ? effortLevels : [],
    default_reasoning_level: hasLevels ? "medium" : null,
    support_verbosity: false,
    default_verbosity: null,
    apply_patch_tool_type: null,
    experimental_supported_tools: [],
  };
}
