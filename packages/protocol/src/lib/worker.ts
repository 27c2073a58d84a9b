// Owns what a worker says about itself.
import { z } from "zod";
import { LoadedSettingsSchema } from "./model-settings.ts";

export const WorkerStateSchema = z.enum(["starting", "loading", "ready", "draining", "stopped", "failed"]);
export type WorkerStateName = z.infer<typeof WorkerStateSchema>;

export const BackendNameSchema = z.enum(["llama", "fake"]);
export type BackendName = z.infer<typeof BackendNameSchema>;

/** What a model is for. One that embeds or ranks texts writes none. */
export const ModelKindSchema = z.enum(["generate", "embed", "rerank"]);
export type ModelKind = z.infer<typeof ModelKindSchema>;

/** What was found out at load by rendering the model's chat template and reading back what it wrote. */
export const ChatAbilitiesSchema = z
  .object({
    format: z.string().describe("derived from the template, a family's name, or generic: told in the prompt."),
    tools: z.boolean().describe("Calls in the model's own syntax; without it they are asked for in words."),
    parallel_tool_calls: z.boolean(),
    thinking: z.enum(["always", "switchable", "never"]),
    switches: z.array(z.string()).describe("Template variables that change how an answer begins."),
    template_variables: z.array(z.string()).describe("What chat_template_kwargs may set."),
    warning: z.string().optional().describe("Why the worker knows less of the chat template than it could."),
  })
  .meta({ id: "ChatAbilities" });
export type ChatAbilities = z.infer<typeof ChatAbilitiesSchema>;

export const WorkerInfoSchema = z
  .object({
    worker_id: z.string(),
    url: z.string(),
    state: WorkerStateSchema,
    model: z.string().describe("The name the model is served under."),
    backend: BackendNameSchema.describe("fake: no model at all, canned words for tests and benchmarks."),
    version: z.string(),
    slots: z.int().positive(),
    local_mode: z.boolean(),
    gateway: z
      .literal(true)
      .optional()
      .describe(
        "It is a gateway: the engines and the memory of models are its workers' own, and so are their figures.",
      ),
    context_size: z.int().positive().optional().describe("Tokens per slot; once the model is loaded."),
    trained_context_size: z.int().positive().optional(),
    parameters: z.int().nonnegative().optional(),
    model_bytes: z.int().nonnegative().optional(),
    model_sha256: z
      .string()
      .nullable()
      .optional()
      .describe(
        "Of the model's file, which is hashed while nothing runs; null until that is done. Of a split one its parts one after the other.",
      ),
    architecture: z.string().optional().describe("As the model's file names it: llama, qwen3, …"),
    quantization: z.string().optional().describe("Of most of its weights: Q4_K_M, say."),
    description: z.string().optional().describe("What the model's file says of it: general.description."),
    model_modified_at: z.iso.datetime().optional().describe("When its file was written."),
    device: z.string().optional().describe("What computes: cpu, cuda, vulkan, metal."),
    threads: z.int().positive().optional(),
    engine_build: z.string().optional().describe("prebuilt, or source."),
    settings: LoadedSettingsSchema.optional().describe("How the model is loaded; once it is."),
    kind: ModelKindSchema.optional().describe("What the model is for; once it is loaded."),
    embedding_size: z.int().positive().optional().describe("Numbers of a vector, where the model has vectors."),
    chat: ChatAbilitiesSchema.optional().describe("Once the model is loaded."),
    infill: z.boolean().optional().describe("The model fills in code with a hole."),
    prefill_budget: z
      .int()
      .positive()
      .nullable()
      .describe("Prompt tokens per step, at most; null: the times of real steps decide."),
    queue_capacity: z.int().positive(),
    answer_window_ms: z
      .number()
      .nonnegative()
      .describe("How long after its end an answer can be read that was to continue without a reader."),
    uptime_ms: z.number().nonnegative(),
  })
  .meta({ id: "WorkerInfo" });
export type WorkerInfo = z.infer<typeof WorkerInfoSchema>;

export const SlotStateSchema = z.enum(["idle", "prefilling", "decoding", "releasing"]);
export type SlotStateName = z.infer<typeof SlotStateSchema>;

export const SlotStatusSchema = z
  .object({
    id: z.int().nonnegative(),
    state: SlotStateSchema,
    job_id: z.string().optional(),
    prompt_tokens: z.int().nonnegative().describe("Of the job in it; 0 when idle."),
    tokens: z.int().nonnegative().describe("Model tokens generated for the job in it; 0 when idle."),
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
      progress: z.number().min(0).max(1).describe("Of the stage."),
    }),
    z.object({ type: z.literal("ready"), model: z.string() }),
    z.object({ type: z.literal("failed"), message: z.string() }),
  ])
  .meta({ id: "LoadingEvent" });
export type LoadingEvent = z.infer<typeof LoadingEventSchema>;

export const LivenessSchema = z
  .object({ live: z.boolean(), state: WorkerStateSchema, reason: z.string().optional() })
  .meta({ id: "Liveness" });
export type Liveness = z.infer<typeof LivenessSchema>;

export const ReadinessSchema = z
  .object({ ready: z.boolean(), state: WorkerStateSchema, reason: z.string().optional() })
  .meta({ id: "Readiness" });
export type Readiness = z.infer<typeof ReadinessSchema>;

export const HealthSchema = z
  .object({
    status: z.literal("ok").optional().describe("While ready: llama-server's word."),
    error: z
      .object({ code: z.literal(503), message: z.string(), type: z.literal("unavailable_error") })
      .optional()
      .describe("While not ready: llama-server's words."),
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
