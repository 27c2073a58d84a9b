// Owns the schemas of a worker's info, health and readiness.
import { z } from "zod";
import { LoadedSettingsSchema } from "./model-settings.ts";
import { AttentionCostsSchema, PromptPieceSchema, StepCostsSchema } from "./step-costs.ts";

export const WorkerStateSchema = z.enum(["starting", "loading", "ready", "draining", "stopped", "failed"]);
export type WorkerStateName = z.infer<typeof WorkerStateSchema>;

export const BackendNameSchema = z.enum(["llama", "fake"]);
export type BackendName = z.infer<typeof BackendNameSchema>;

/** The purpose of a model. A model that embeds or ranks texts cannot generate text. */
export const ModelKindSchema = z.enum(["generate", "embed", "rerank"]);
export type ModelKind = z.infer<typeof ModelKindSchema>;

/** The abilities of the chat template, found at load by rendering the template and parsing the result. */
export const ChatAbilitiesSchema = z
  .object({
    format: z
      .string()
      .describe(
        "How calls are written: derived (from the template), a model family's name, or generic (described in the prompt).",
      ),
    tools: z
      .boolean()
      .describe("Whether the model has a syntax for calls. If not, the prompt describes a generic syntax."),
    parallel_tool_calls: z.boolean(),
    thinking: z.enum(["always", "switchable", "never"]),
    switches: z.array(z.string()).describe("Template variables that change how an answer begins."),
    template_variables: z.array(z.string()).describe("Variables that chat_template_kwargs may set."),
    warning: z.string().optional().describe("Why some abilities of the chat template could not be found."),
  })
  .meta({ id: "ChatAbilities" });
export type ChatAbilities = z.infer<typeof ChatAbilitiesSchema>;

export const contextShape = {
  context_size: z
    .int()
    .positive()
    .optional()
    .describe("Most tokens of one job, prompt and answer together; present once the model is loaded."),
  context_pool: z
    .int()
    .positive()
    .optional()
    .describe("Most tokens of all running jobs together; present once the model is loaded."),
  trained_context_size: z.int().positive().optional(),
};

/** How a model reads pictures. */
export const VisionSchema = z
  .object({
    projector: z.string().describe("Name of the projector: general.name of its file, else the file's name."),
    bytes: z.int().nonnegative().describe("Size of the projector's file."),
    max_pixels: z.int().positive().describe("Most pixels of a picture; a larger one is scaled down."),
  })
  .meta({ id: "Vision" });
export type Vision = z.infer<typeof VisionSchema>;

export const WorkerInfoSchema = z
  .object({
    worker_id: z.string(),
    url: z.string(),
    state: WorkerStateSchema,
    model: z.string().describe("Name under which the model is served."),
    backend: BackendNameSchema.describe("fake has no model: it answers with canned words, for tests and benchmarks."),
    version: z.string(),
    slots: z.int().positive(),
    local_mode: z.boolean(),
    gateway: z
      .literal(true)
      .optional()
      .describe("Present at a gateway, whose workers report the figures about engines and models."),
    ...contextShape,
    parameters: z.int().nonnegative().optional(),
    model_bytes: z.int().nonnegative().optional(),
    model_sha256: z
      .string()
      .nullable()
      .optional()
      .describe(
        "Hash of the model's file, computed while no job runs; null until then. For a split model, the hash of its concatenated parts.",
      ),
    architecture: z.string().optional().describe("The architecture that the model's file names: llama, qwen3, …"),
    quantization: z.string().optional().describe("Number type of most weights, such as Q4_K_M."),
    description: z.string().optional().describe("general.description of the model's file."),
    model_modified_at: z.iso.datetime().optional().describe("Modification time of the model's file."),
    device: z.string().optional().describe("The device that computes: cpu, cuda, vulkan, metal."),
    threads: z.int().positive().optional(),
    engine_build: z.string().optional().describe("Origin of the engine's libraries: prebuilt or compiled from source."),
    engine_binding: z
      .enum(["addon", "library"])
      .optional()
      .describe("What decodes: Waggle's addon, or node-llama-cpp's own binding, which is slower."),
    engine_binding_reason: z.string().optional().describe("Why Waggle's addon does not decode; absent if it does."),
    settings: LoadedSettingsSchema.optional().describe("The settings of the loaded model; present once it is loaded."),
    kind: ModelKindSchema.optional().describe("The purpose of the model; present once it is loaded."),
    embedding_size: z
      .int()
      .positive()
      .optional()
      .describe("Length of the model's embedding vectors, if the model computes embeddings."),
    chat: ChatAbilitiesSchema.optional().describe("Present once the model is loaded."),
    infill: z.boolean().optional().describe("Whether the model supports infill of code."),
    vision: VisionSchema.optional().describe("Present if the model reads pictures, loaded or not."),
    prefill_budget: z
      .int()
      .positive()
      .nullable()
      .describe("Most prompt tokens of a step; null: what they cost decides, within max_token_gap_ms."),
    max_token_gap_ms: z
      .number()
      .positive()
      .nullable()
      .describe(
        "Longest time between two tokens of a stream while a prompt is computed, if the operator set one; null: none was set.",
      ),
    guesses: z.boolean().describe("Whether tokens are guessed where this makes answers faster."),
    step_costs: StepCostsSchema.optional().describe(
      "What the engine's steps cost, measured; absent until measured, and at a gateway.",
    ),
    prompt_pieces: z
      .array(PromptPieceSchema)
      .optional()
      .describe(
        "Pieces of a prompt while one stream runs, behind some contexts; absent until measured, and at a gateway.",
      ),
    attention_costs: AttentionCostsSchema.optional().describe(
      "What attention was measured to cost at load with and without flash attention; settings.flash_attention says which was chosen. Absent where it was not measured, and at a gateway.",
    ),
    chat_titles: z
      .literal(true)
      .optional()
      .describe("Present if the chat page asks the model for a title of each new conversation."),
    queue_capacity: z.int().positive(),
    answer_window_ms: z
      .number()
      .nonnegative()
      .describe("Time for which the finished answer of a background job can be read."),
    uptime_ms: z.number().nonnegative(),
  })
  .meta({ id: "WorkerInfo" });
export type WorkerInfo = z.infer<typeof WorkerInfoSchema>;

export const SlotStateSchema = z.enum(["idle", "prefilling", "decoding", "parked", "releasing"]);
export type SlotStateName = z.infer<typeof SlotStateSchema>;

export const SlotStatusSchema = z
  .object({
    id: z.int().nonnegative(),
    state: SlotStateSchema,
    job_id: z.string().optional(),
    prompt_tokens: z.int().nonnegative().describe("Prompt tokens of the slot's job; 0 when idle."),
    tokens: z.int().nonnegative().describe("Model tokens generated for the slot's job; 0 when idle."),
  })
  .meta({ id: "SlotStatus" });
export type SlotStatus = z.infer<typeof SlotStatusSchema>;

export const SlotsSchema = z.object({ slots: z.array(SlotStatusSchema) }).meta({ id: "Slots" });
export type Slots = z.infer<typeof SlotsSchema>;

export const LoadingEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("loading"),
      stage: z.enum(["downloading", "loading"]),
      progress: z.number().min(0).max(1).describe("Progress of the stage."),
    }),
    z.object({ type: z.literal("ready"), model: z.string() }),
    z.object({ type: z.literal("failed"), message: z.string() }),
  ])
  .meta({ id: "LoadingEvent" });
export type LoadingEvent = z.infer<typeof LoadingEventSchema>;

export const LivenessSchema = z
  .object({ live: z.boolean(), state: WorkerStateSchema, reason: z.string().optional() })
  .meta({ id: "Liveness" });

export const ReadinessSchema = z
  .object({ ready: z.boolean(), state: WorkerStateSchema, reason: z.string().optional() })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof ReadinessSchema>;

export const HealthSchema = z
  .object({
    status: z.literal("ok").optional().describe("Present while ready, as in llama-server."),
    error: z
      .object({ code: z.literal(503), message: z.string(), type: z.literal("unavailable_error") })
      .optional()
      .describe("Present while not ready, as in llama-server."),
    live: z.boolean(),
    ready: z.boolean(),
    state: WorkerStateSchema,
    reason: z.string().optional(),
    worker_id: z.string(),
    model: z.string(),
    backend: BackendNameSchema,
    version: z.string(),
    uptime_ms: z.number().nonnegative(),
    loading_progress: z.number().min(0).max(1).optional(),
    slots: z.object({ total: z.int(), busy: z.int() }),
    queue: z.object({ depth: z.int(), capacity: z.int() }),
    engine: z.object({ starts: z.int().nonnegative(), deaths: z.int().nonnegative() }),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof HealthSchema>;
