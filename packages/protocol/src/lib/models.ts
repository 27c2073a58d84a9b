// Owns what is said about a worker's models, and how it is told to load, unload, keep, replace, fetch and delete them.
import { z } from "zod";
import { ErrorCodeSchema } from "./errors.ts";
import { KeepAliveSchema } from "./keep-alive.ts";
import { ChatAbilitiesSchema, ModelKindSchema } from "./worker.ts";

/**
 * unloaded: on disk. waiting: for memory that others hold. downloading, loading: on the way. ready: takes jobs. unloading: its engine leaves.
 * failed: could not be loaded, or its engine died too often; the next request tries again where that may help.
 */
export const ModelStateSchema = z.enum([
  "unloaded",
  "waiting",
  "downloading",
  "loading",
  "ready",
  "unloading",
  "failed",
]);
export type ModelStateName = z.infer<typeof ModelStateSchema>;

/** Where a model comes from; what was not downloaded is never deleted. */
export const ModelSourceSchema = z.enum(["embedded", "file", "folder", "download", "fake"]);
export type ModelSource = z.infer<typeof ModelSourceSchema>;

/** Longer names are refused. */
export const maxModelNameChars = 256;

/** `GET /v1/models/status` is a route: a model with this name could not be asked for. */
export const reservedModelNames: ReadonlySet<string> = new Set(["status"]);

export const ModelNameSchema = z
  .string()
  .min(1)
  .max(maxModelNameChars)
  .regex(/^[^\s\p{Cc}]+( [^\s\p{Cc}]+)*$/u, "must be words without control characters")
  .refine((name) => !reservedModelNames.has(name), "must not be the name of a route, such as status");

const bytes = z.int().nonnegative();

/** In bytes. */
export const ModelMemorySchema = z
  .object({
    weights: bytes,
    kv_cache: bytes.describe("Of all slots, with recurrent states."),
    compute: bytes.describe("Buffers of a forward pass, and the logits."),
    process: bytes.describe("The engine's process itself."),
    total: bytes.describe("What the budget counts while the model is loaded."),
    measured: bytes.optional().describe("Resident memory of the engine's process, as it told last."),
  })
  .meta({ id: "ModelMemory" });
export type ModelMemory = z.infer<typeof ModelMemorySchema>;

/** A model as a worker has it: the same in `GET /v1/models`, and after each change. */
export const ModelStatusSchema = z
  .object({
    name: ModelNameSchema,
    aliases: z.array(z.string()),
    state: ModelStateSchema,
    reason: z.string().optional().describe("Why it is failed, or for what it waits."),
    progress: z.number().min(0).max(1).optional().describe("While it is downloaded or loaded."),
    source: ModelSourceSchema,
    reference: z.string().optional().describe("What it was downloaded from, without credentials."),
    file: z.string().optional().describe("The file's name without its folder; once it is on disk."),
    deletable: z.boolean().describe("Waggle downloaded it."),
    pinned: z.boolean().describe("Loaded from the start and never unloaded to make room."),
    default: z.boolean().describe("Answers requests that name none."),
    kind: ModelKindSchema.optional(),
    architecture: z.string().optional(),
    quantization: z.string().optional(),
    description: z.string().optional().describe("What its file says of it: general.description."),
    parameters: z.int().nonnegative().optional(),
    file_bytes: bytes.optional(),
    context_size: z.int().positive().optional().describe("Tokens per slot; once it is loaded."),
    trained_context_size: z.int().positive().optional(),
    embedding_size: z.int().positive().optional(),
    slots: z.object({ total: z.int(), busy: z.int() }).optional().describe("While it is loaded."),
    queued: z.int().nonnegative().describe("Jobs that wait for it."),
    memory: ModelMemorySchema.optional().describe("What it takes, or would take, on this machine."),
    keep_alive_s: z.number().nullable().describe("How long it stays after its last job; null: for ever."),
    expires_at: z.iso.datetime().optional().describe("When it is unloaded if nobody asks for it."),
    loads: z.int().nonnegative().describe("Engines that have loaded it so far."),
    modified_at: z.iso.datetime().optional().describe("When its file was written."),
    sha256: z.string().nullable().optional().describe("Of its file; null until it has been hashed."),
    chat: ChatAbilitiesSchema.optional().describe("Once it has been loaded."),
    infill: z.boolean().optional(),
    replacing: z
      .object({ file: z.string(), state: ModelStateSchema, progress: z.number().min(0).max(1).optional() })
      .optional()
      .describe("The file that will answer in its place once it is loaded."),
    leaving: z.int().nonnegative().optional().describe("Files of this name that still finish their last jobs."),
  })
  .meta({ id: "ModelStatus" });
export type ModelStatus = z.infer<typeof ModelStatusSchema>;

export const ModelBudgetSchema = z
  .object({
    memory: z.object({
      total: bytes.nullable().describe("Null: no budget."),
      used: bytes.describe("Of models that are loaded, or are being loaded."),
    }),
    threads: z.int().positive().describe("Threads that all engines share."),
  })
  .meta({ id: "ModelBudget" });
export type ModelBudget = z.infer<typeof ModelBudgetSchema>;

/** `GET /v1/models/status`. */
export const ModelStatusesSchema = z
  .object({
    models: z.array(ModelStatusSchema),
    budget: ModelBudgetSchema.optional().describe(
      "Absent at a gateway, which has no memory for models and changes none.",
    ),
  })
  .meta({ id: "ModelStatuses" });
export type ModelStatuses = z.infer<typeof ModelStatusesSchema>;

const nameShape = { model: ModelNameSchema.describe("Its name, or one of its aliases.") };

/** `POST /v1/models/load`. */
export const LoadModelRequestSchema = z
  .object({ ...nameShape, keep_alive: KeepAliveSchema.optional() })
  .meta({ id: "LoadModelRequest" });

/** `POST /v1/models/unload`. */
export const UnloadModelRequestSchema = z.object(nameShape).meta({ id: "UnloadModelRequest" });

/** `POST /v1/models/pin`. */
export const PinModelRequestSchema = z
  .object({ ...nameShape, pinned: z.boolean().default(true) })
  .meta({ id: "PinModelRequest" });

/** `POST /v1/models/swap`. */
export const SwapModelRequestSchema = z
  .object({
    ...nameShape,
    reference: z
      .string()
      .min(1)
      .max(4_096)
      .describe(
        "A file in the models folder or beside the model's own, the name of a model that the worker has, or what can be downloaded.",
      ),
    unload_first: z
      .boolean()
      .default(false)
      .describe(
        "Where both do not fit into memory: the old file may leave before the new one is loaded. Jobs wait meanwhile.",
      ),
  })
  .meta({ id: "SwapModelRequest" });
export type SwapModelRequest = z.infer<typeof SwapModelRequestSchema>;

/** `POST /v1/models/pull`. */
export const PullModelRequestSchema = z
  .object({
    reference: z
      .string()
      .min(1)
      .max(4_096)
      .describe("hf:user/repo:quant, ollama:name:tag, or a URL, with #sha256=… or without."),
    name: ModelNameSchema.optional().describe("What it is served as; by default a short form of the reference."),
  })
  .meta({ id: "PullModelRequest" });

export const ModelDeletedSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    deleted: z.literal(true),
    freed_bytes: bytes,
  })
  .meta({ id: "ModelDeleted" });
export type ModelDeleted = z.infer<typeof ModelDeletedSchema>;

/** What a load, a swap or a pull tells until it is over; exactly one done or error, then `[DONE]` after done. */
export const ModelEventSchema = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("progress"),
      stage: z.enum(["waiting", "asking", "downloading", "checking", "loading"]),
      progress: z.number().min(0).max(1).optional().describe("Of the stage, where it is known."),
      done_bytes: bytes.optional(),
      total_bytes: bytes.optional(),
      bytes_per_second: z.number().nonnegative().optional(),
      eta_ms: z.number().nonnegative().optional(),
      part: z.int().positive().optional().describe("Of a split model."),
      parts: z.int().positive().optional(),
    }),
    z.object({ type: z.literal("done"), model: ModelStatusSchema }),
    z.object({ type: z.literal("error"), code: ErrorCodeSchema, message: z.string(), retryable: z.boolean() }),
  ])
  .meta({ id: "ModelEvent" });
export type ModelEvent = z.infer<typeof ModelEventSchema>;
