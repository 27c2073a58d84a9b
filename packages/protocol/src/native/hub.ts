// Owns the schemas and the routes of models that a worker can download: those of the hub, and the recommended ones.
import { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import { route } from "../openapi/route-parts.ts";

/** Maximum number of characters of a search, and of a repository's name. */
export const hubQueryChars = 200;

export const HubModelSchema = z
  .object({
    reference: z.string().describe("hf:user/repo."),
    downloads: z.int().nonnegative().describe("Downloads of the last month."),
    likes: z.int().nonnegative(),
    gated: z.boolean().describe("Whether the hub wants a token of an account that has accepted the model's terms."),
  })
  .meta({ id: "HubModel" });
export type HubModel = z.infer<typeof HubModelSchema>;

export const HubModelsSchema = z
  .object({
    hub: z.string().describe("Address of the hub."),
    models: z.array(HubModelSchema).describe("Repositories with GGUF files, most downloaded first; at most 30."),
  })
  .meta({ id: "HubModels" });
export type HubModels = z.infer<typeof HubModelsSchema>;

/** Whether a model fits into the free memory of a machine. */
export const FitSchema = z
  .object({
    verdict: z
      .enum(["fits", "smaller", "none"])
      .describe("fits: with the wanted context; smaller: only with the given smaller context; none: not at all."),
    context_size: z.int().positive().describe("Most tokens of one job, with this verdict."),
    one_answer_bytes: z.number().nonnegative().describe("Memory with this context, for one answer at a time."),
    memory_bytes: z.number().nonnegative().describe("Memory with this context and all slots."),
    gpu: z.enum(["whole", "part", "none"]).describe("How much of the model is on a GPU."),
  })
  .meta({ id: "Fit" });
export type Fit = z.infer<typeof FitSchema>;

const servedShape = {
  model: z.string().optional().describe("Name of the worker's model that has this file; absent if no model has it."),
};

export const HubFileSchema = z
  .object({
    reference: z.string().describe("hf:user/repo/path, for POST /v1/models/pull."),
    file: z.string().describe("Name of the file, or of its first part."),
    quantization: z.string().optional(),
    bytes: z.number().nonnegative().describe("Size of all parts."),
    parts: z.int().positive(),
    pictures: z.boolean().describe("Whether the model reads pictures."),
    fit: FitSchema.optional().describe("Whether this machine's free memory is enough now, as `waggle fit` says."),
    problem: z.string().optional().describe("Why the engine cannot use the model; then there is no fit."),
    ...servedShape,
  })
  .meta({ id: "HubFile" });
export type HubFile = z.infer<typeof HubFileSchema>;

export const HubFilesSchema = z
  .object({
    files: z.array(HubFileSchema).describe("Smallest first."),
    left_out: z.int().nonnegative().describe("Further models of the repository, whose headers were not read."),
  })
  .meta({ id: "HubFiles" });
export type HubFiles = z.infer<typeof HubFilesSchema>;

const PurposesSchema = z.array(z.enum(["chat", "code", "languages", "embedding"]));

export const RecommendedModelSchema = z
  .object({
    name: z.string(),
    reference: z.string().describe("hf:user/repo:quant, for POST /v1/models/pull."),
    purposes: PurposesSchema,
    best_for: PurposesSchema.describe("Purposes for which it is the best model of the list on this machine."),
    languages: z.string(),
    parameters: z.number().positive(),
    bytes: z.number().positive().describe("Documented size of the file."),
    downloaded: z.string().describe("The day on which Waggle's developers downloaded this file, or `never`."),
    fit: FitSchema.optional().describe(
      "Whether the free memory of the machine is enough now, as `waggle fit` says, computed from the documented shape.",
    ),
    ...servedShape,
  })
  .meta({ id: "RecommendedModel" });
export type RecommendedModel = z.infer<typeof RecommendedModelSchema>;

export const RecommendedModelsSchema = z
  .object({
    listed_on: z.iso.date().describe("The day on which the list was last compared with the documentation."),
    note: z.string().describe("Where the list comes from, and how many of its models Waggle's developers downloaded."),
    models: z.array(RecommendedModelSchema).describe("Smallest first."),
  })
  .meta({ id: "RecommendedModels" });
export type RecommendedModels = z.infer<typeof RecommendedModelsSchema>;

const hubErrors = [
  "invalid_argument",
  "forbidden",
  "resource_exhausted",
  "unavailable",
  "unimplemented",
] as const satisfies readonly ErrorCode[];

export const hubRoutes = {
  recommendedModels: route("get", "/v1/hub/recommended", {
    summary:
      "Recommended models to download, and whether they fit into the machine's free memory; needs an admin token.",
    response: RecommendedModelsSchema,
    errors: ["forbidden", "unimplemented"],
  }),
  hubModels: route("post", "/v1/hub/models", {
    summary: "Search the hub for models by name, for POST /v1/models/pull; needs an admin token.",
    query: { query: `The name or a part of it; at most ${hubQueryChars} characters.` },
    response: HubModelsSchema,
    errors: hubErrors,
  }),
  hubFiles: route("post", "/v1/hub/files", {
    summary:
      "The models in a repository of the hub, with their sizes and whether they fit; needs an admin token. Reads headers, and downloads no model.",
    query: { repo: "The repository: hf:user/repo." },
    response: HubFilesSchema,
    errors: hubErrors,
  }),
};
