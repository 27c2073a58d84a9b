// Owns the schemas of a worker's info, health and readiness.
import { optional, z } from "zod";
import { LoadedSettingsSchema } from "./model-settings.ts";
import { AttentionCostsSchema, PromptPieceSchema, StepCostsSchema } from "./step-costs.ts";
import { amount, count, positive, share, time } from "../fields/values.ts";

export const WorkerStateSchema = z.enum([
  "starting",
  "loading",
  "ready",
  // A gateway without a connection to NATS.
  "disconnected",
  "draining",
  "stopped",
  "failed",
]);
export type WorkerStateName = z.infer<typeof WorkerStateSchema>;

export const BackendNameSchema = z.enum(["llama", "fake"]);
export type BackendName = z.infer<typeof BackendNameSchema>;

/** The purpose of a model. A model that embeds or ranks texts cannot generate text. */
export const ModelKindSchema = z.enum(["generate", "embed", "rerank"]);
/** The work of a job. A model that generates also decides. */
export const JobKindSchema = z.enum([...ModelKindSchema.options, "decide"]);
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
    warning: optional(z.string()).describe("Why some abilities of the chat template could not be found."),
  })
  .meta({ id: "ChatAbilities" });
export type ChatAbilities = z.infer<typeof ChatAbilitiesSchema>;

export const contextShape = {
  context_size: optional(positive).describe(
    "Most tokens of one job, prompt and answer together; present once the model is loaded.",
  ),
  context_pool: optional(positive).describe(
    "Most tokens of all running jobs together; present once the model is loaded.",
  ),
  trained_context_size: optional(positive),
};

/** How a model reads pictures. */
export const PictureAbilitySchema = z
  .object({
    projector: z.string().describe("Name of the projector: general.name of its file, else the file's name."),
    bytes: count.describe("Size of the projector's file."),
    max_pixels: positive.describe("Most pixels of a picture; a larger one is scaled down."),
  })
  .meta({ id: "Vision" });
export type PictureAbility = z.infer<typeof PictureAbilitySchema>;

export const WorkerInfoSchema = z
  .object({
    worker_id: z.string(),
    url: z.string(),
    state: WorkerStateSchema,
    model: z.string().describe("Name under which the model is served."),
    backend: BackendNameSchema.describe("fake has no model: it answers with canned words, for tests and benchmarks."),
    version: z.string(),
    slots: positive,
    local_mode: z.boolean(),
    gateway: optional(z.literal(true)).describe(
      "Present at a gateway, whose workers report the figures about engines and models.",
    ),
    ...contextShape,
    parameters: optional(count),
    model_bytes: optional(count),
    model_sha256: optional(z.string().nullable()).describe(
      "Hash of the model's file, computed while no job runs; null until then. For a split model, the hash of its concatenated parts.",
    ),
    architecture: optional(z.string()).describe("The architecture that the model's file names: llama, qwen3, …"),
    quantization: optional(z.string()).describe("Number type of most weights, such as Q4_K_M."),
    description: optional(z.string()).describe("general.description of the model's file."),
    model_modified_at: optional(time).describe("Modification time of the model's file."),
    device: optional(z.string()).describe("The device that computes: cpu, cuda, vulkan, metal."),
    threads: optional(positive),
    engine_build: optional(z.string()).describe("Origin of the engine's libraries: prebuilt or compiled from source."),
    engine_binding: optional(z.enum(["addon", "library"])).describe(
      "What decodes: Waggle's addon, or node-llama-cpp's own binding, which is slower.",
    ),
    engine_binding_reason: optional(z.string()).describe("Why Waggle's addon does not decode; absent if it does."),
    settings: optional(LoadedSettingsSchema).describe("The settings of the loaded model; present once it is loaded."),
    kind: optional(ModelKindSchema).describe("The purpose of the model; present once it is loaded."),
    embedding_size: optional(positive).describe(
      "Length of the model's embedding vectors, if the model computes embeddings.",
    ),
    chat: optional(ChatAbilitiesSchema).describe("Present once the model is loaded."),
    infill: optional(z.boolean()).describe("Whether the model supports infill of code."),
    vision: optional(PictureAbilitySchema).describe("Present if the model reads pictures, loaded or not."),
    prefill_budget: positive
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
    step_costs: optional(StepCostsSchema).describe(
      "What the engine's steps cost, measured; absent until measured, and at a gateway.",
    ),
    prompt_pieces: optional(z.array(PromptPieceSchema)).describe(
      "Pieces of a prompt while one stream runs, behind some contexts; absent until measured, and at a gateway.",
    ),
    attention_costs: optional(AttentionCostsSchema).describe(
      "What attention was measured to cost at load with and without flash attention; settings.flash_attention says which was chosen. Absent where it was not measured, and at a gateway.",
    ),
    queue_capacity: positive,
    answer_window_ms: amount.describe("Time for which the finished answer of a background job can be read."),
    uptime_ms: amount,
  })
  .meta({ id: "WorkerInfo" });
export type WorkerInfo = z.infer<typeof WorkerInfoSchema>;

export const SlotStateSchema = z.enum(["idle", "prefilling", "decoding", "parked", "releasing"]);
export type SlotStateName = z.infer<typeof SlotStateSchema>;

export const SlotStatusSchema = z
  .object({
    id: count,
    state: SlotStateSchema,
    job_id: optional(z.string()),
    prompt_tokens: count.describe("Prompt tokens of the slot's job; 0 when idle."),
    tokens: count.describe("Model tokens generated for the slot's job; 0 when idle."),
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
      progress: share.describe("Progress of the stage."),
    }),
    z.object({ type: z.literal("ready"), model: z.string() }),
    z.object({ type: z.literal("failed"), message: z.string() }),
  ])
  .meta({ id: "LoadingEvent" });
export type LoadingEvent = z.infer<typeof LoadingEventSchema>;

export const LivenessSchema = z
  .object({ live: z.boolean(), state: WorkerStateSchema, reason: optional(z.string()) })
  .meta({ id: "Liveness" });

export const ReadinessSchema = z
  .object({ ready: z.boolean(), state: WorkerStateSchema, reason: optional(z.string()) })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof ReadinessSchema>;

export const HealthSchema = z
  .object({
    status: optional(z.literal("ok")).describe("Present while ready, as in llama-server."),
    error: optional(
      z.object({ code: z.literal(503), message: z.string(), type: z.literal("unavailable_error") }),
    ).describe("Present while not ready, as in llama-server."),
    live: z.boolean(),
    ready: z.boolean(),
    state: WorkerStateSchema,
    reason: optional(z.string()),
    worker_id: z.string(),
    model: z.string(),
    backend: BackendNameSchema,
    version: z.string(),
    uptime_ms: amount,
    loading_progress: optional(share),
    slots: z.object({ total: z.int(), busy: z.int() }),
    queue: z.object({ depth: z.int(), capacity: z.int() }),
    engine: z.object({ starts: count, deaths: count }),
  })
  .meta({ id: "Health" });
export type Health = z.infer<typeof HealthSchema>;
