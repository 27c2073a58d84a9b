// Owns the shapes of a worker's models, and of the requests to load, unload, pin, swap, pull and delete models.
import { optional, z } from "zod";
import { ErrorCodeSchema } from "../error-body.ts";
import { KeepAliveSchema } from "../fields/keep-alive.ts";
import { ChatAbilitiesSchema, ModelKindSchema, PictureAbilitySchema, contextShape } from "./worker.ts";
import { amount, count, positive, share, time } from "../fields/values.ts";

/**
 * unloaded: the file is on disk. waiting: the model needs memory that other models use. downloading, loading: in progress. ready: the model accepts
 * jobs. unloading: the engine exits. failed: the model could not be loaded, or its engine crashed too often; the next request loads the model
 * again if a retry may help.
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

/** The origin of a model's file. Only downloaded files are ever deleted. */
export const ModelSourceSchema = z.enum(["embedded", "file", "folder", "download", "fake"]);
export type ModelSource = z.infer<typeof ModelSourceSchema>;

export const maxModelNameChars = 256;

/** Names that no model may have. A model named status could not be requested by path, since `GET /v1/models/status` is another route. */
export const reservedModelNames: ReadonlySet<string> = new Set(["status"]);

export const ModelNameSchema = z
  .string()
  .min(1)
  .max(maxModelNameChars)
  .regex(/^[^\s\p{Cc}]+( [^\s\p{Cc}]+)*$/u, "must be words without control characters")
  .refine((name) => !reservedModelNames.has(name), "must not be the name of a route, such as status");

/** Memory of a model, in bytes. */
export const ModelMemorySchema = z
  .object({
    weights: count,
    kv_cache: count.describe("KV cache of all slots, including recurrent states."),
    compute: count.describe("Buffers of a forward pass, and the logits."),
    process: count.describe("Memory of the engine's process itself."),
    vision: optional(count).describe(
      "The projector, the buffers of its encoder, and kept embeddings; present if the model reads pictures.",
    ),
    total: count.describe("Total memory, which counts against the budget while the model is loaded."),
    measured: optional(count).describe("Resident memory of the engine's process, by the engine's last report."),
  })
  .meta({ id: "ModelMemory" });
export type ModelMemory = z.infer<typeof ModelMemorySchema>;

/** A model of a worker, in `GET /v1/models/status` and in the result of each change. */
export const ModelStatusSchema = z
  .object({
    name: ModelNameSchema,
    aliases: z.array(z.string()),
    state: ModelStateSchema,
    reason: optional(z.string()).describe("Why the model failed, or what it waits for."),
    progress: optional(share).describe("Progress of the download or the load."),
    source: ModelSourceSchema,
    reference: optional(z.string()).describe("The source of the download, without credentials."),
    file: optional(z.string()).describe(
      "Name of the model's file, without its folder; present once the file is on disk.",
    ),
    deletable: z.boolean().describe("true if Waggle downloaded the file."),
    pinned: z.boolean().describe("Whether the worker loads the model at its start and never unloads it to make room."),
    default: z.boolean().describe("Whether the model serves requests that name no model."),
    kind: optional(ModelKindSchema),
    architecture: optional(z.string()),
    quantization: optional(z.string()),
    description: optional(z.string()).describe("general.description of the model's file."),
    parameters: optional(count),
    file_bytes: optional(count),
    ...contextShape,
    embedding_size: optional(positive),
    slots: optional(z.object({ total: z.int(), busy: z.int() })).describe("Present while the model is loaded."),
    queued: count.describe("Number of jobs that wait for this model."),
    memory: optional(ModelMemorySchema).describe("Memory that the model needs on this machine, loaded or not."),
    keep_alive_s: z
      .number()
      .nullable()
      .describe("Seconds for which the model stays loaded after its last job; null: for ever."),
    expires_at: optional(time).describe("Time at which the worker unloads the model if no further request comes."),
    loads: count.describe("How often the model has been loaded."),
    modified_at: optional(time).describe("Modification time of the model's file."),
    sha256: optional(z.string().nullable()).describe("Hash of the model's file; null until it is computed."),
    chat: optional(ChatAbilitiesSchema).describe("Present once the model has been loaded."),
    infill: optional(z.boolean()),
    vision: optional(PictureAbilitySchema).describe("Present if the model reads pictures, loaded or not."),
    vision_problem: optional(z.string()).describe("Why the projector next to the model's file is not used."),
    replacing: optional(z.object({ file: z.string(), state: ModelStateSchema, progress: optional(share) })).describe(
      "The new file, which replaces the current file as soon as the new file is loaded.",
    ),
    leaving: optional(count).describe("Number of replaced files under this name whose last jobs still run."),
  })
  .meta({ id: "ModelStatus" });
export type ModelStatus = z.infer<typeof ModelStatusSchema>;

export const ModelBudgetSchema = z
  .object({
    memory: z.object({
      total: count.nullable().describe("Memory budget for all models, in bytes; null: no budget."),
      used: count.describe("Bytes of the models that are loaded or being loaded."),
    }),
    threads: positive.describe("Threads that all engines share."),
  })
  .meta({ id: "ModelBudget" });

export const ModelStatusesSchema = z
  .object({
    models: z.array(ModelStatusSchema),
    budget: optional(ModelBudgetSchema).describe("Absent at a gateway, which neither loads nor changes models."),
  })
  .meta({ id: "ModelStatuses" });
export type ModelStatuses = z.infer<typeof ModelStatusesSchema>;

const nameShape = { model: ModelNameSchema.describe("The model's name, or one of its aliases.") };

export const LoadModelRequestSchema = z
  .object({ ...nameShape, keep_alive: optional(KeepAliveSchema) })
  .meta({ id: "LoadModelRequest" });

export const UnloadModelRequestSchema = z.object(nameShape).meta({ id: "UnloadModelRequest" });

export const PinModelRequestSchema = z
  .object({ ...nameShape, pinned: z.boolean().default(true) })
  .meta({ id: "PinModelRequest" });

export const SwapModelRequestSchema = z
  .object({
    ...nameShape,
    reference: z
      .string()
      .min(1)
      .max(4_096)
      .describe(
        "The new file: a file in the models folder or in the folder of the current file, the name of another model, or a reference to download.",
      ),
    unload_first: z
      .boolean()
      .default(false)
      .describe(
        "If memory has no room for both files, unload the old file first. Jobs then wait until the new file is loaded.",
      ),
  })
  .meta({ id: "SwapModelRequest" });

export const PullModelRequestSchema = z
  .object({
    reference: z
      .string()
      .min(1)
      .max(4_096)
      .describe("hf:user/repo:quant, ollama:name:tag, or a URL, each optionally with #sha256=…."),
    name: optional(ModelNameSchema).describe(
      "Name under which the model is served; default: a short form of the reference.",
    ),
    projector: z
      .boolean()
      .default(true)
      .describe("Also download the projector with which the model reads pictures, if the repository has one."),
  })
  .meta({ id: "PullModelRequest" });

export const ModelDeletedSchema = z
  .object({
    id: z.string(),
    object: z.literal("model"),
    deleted: z.literal(true),
    freed_bytes: count,
  })
  .meta({ id: "ModelDeleted" });
export type ModelDeleted = z.infer<typeof ModelDeletedSchema>;

const progressShape = {
  progress: optional(share).describe("Progress of the stage, if known."),
  done_bytes: optional(count),
  total_bytes: optional(count),
  bytes_per_second: optional(amount),
  eta_ms: optional(amount),
  part: optional(positive).describe("Number of the part of a split model that is being downloaded, from 1."),
  parts: optional(positive),
};

const StageSchema = z.enum(["waiting", "asking", "downloading", "checking", "loading"]);

/** The events of a load, swap or pull: progress events, then one done or one error. `[DONE]` follows done. */
export const ModelEventSchema = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("progress"), stage: StageSchema, ...progressShape }),
    z.object({ type: z.literal("done"), model: ModelStatusSchema }),
    z.object({ type: z.literal("error"), code: ErrorCodeSchema, message: z.string(), retryable: z.boolean() }),
  ])
  .meta({ id: "ModelEvent" });
export type ModelEvent = z.infer<typeof ModelEventSchema>;

export const DownloadSchema = z
  .object({
    reference: optional(z.string()).describe(
      "For POST /v1/models/pull, without credentials; absent if the record of an unfinished download is lost.",
    ),
    name: z.string().describe("Name of the model, or the name that it would get."),
    state: z
      .enum(["running", "stopped", "failed", "done"])
      .describe(
        "stopped: a part of the file is on disk, and a pull continues; done: downloaded since the worker's start.",
      ),
    reason: optional(z.string()).describe("Why the download failed."),
    stage: optional(StageSchema).describe("Present while the download runs."),
    ...progressShape,
  })
  .meta({ id: "Download" });
export type Download = z.infer<typeof DownloadSchema>;

export const DownloadsSchema = z.object({ downloads: z.array(DownloadSchema) }).meta({ id: "Downloads" });
export type Downloads = z.infer<typeof DownloadsSchema>;

export const DownloadStoppedSchema = z
  .object({ stopped: z.boolean().describe("false: no such download was running.") })
  .meta({ id: "DownloadStopped" });
export type DownloadStopped = z.infer<typeof DownloadStoppedSchema>;
