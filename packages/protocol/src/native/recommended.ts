// Owns the schemas and the route of the models that Waggle recommends for the worker's machine.
import { z } from "zod";
import { FitSchema } from "./hub.ts";
import type { Route } from "../openapi/routes.ts";

export const RecommendedModelSchema = z
  .object({
    name: z.string(),
    reference: z.string().describe("hf:user/repo:quant, for POST /v1/models/pull."),
    purposes: z.array(z.enum(["chat", "code", "languages", "embedding"])),
    languages: z.string(),
    parameters: z.number().positive(),
    bytes: z.number().positive().describe("Documented size of the file."),
    downloaded: z.string().describe("The day on which Waggle's developers downloaded this file, or `never`."),
    fit: FitSchema.optional().describe(
      "Whether the free memory of the machine is enough now, as `waggle fit` says, computed from the documented shape.",
    ),
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

export const recommendedRoutes = {
  recommendedModels: {
    method: "get",
    path: "/v1/hub/recommended",
    summary:
      "Recommended models to download, and whether they fit into the machine's free memory; needs an admin token.",
    response: RecommendedModelsSchema,
    errors: ["forbidden", "unimplemented"],
  },
} as const satisfies Record<string, Route>;
