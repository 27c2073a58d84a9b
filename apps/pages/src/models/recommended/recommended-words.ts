// Owns the texts for a recommended model. Pure.
import type { RecommendedModel } from "@waggle/protocol";
import { formatBytes, formatCount } from "../../parts/format.ts";

const purposeNames: Readonly<Record<RecommendedModel["purposes"][number], string>> = {
  chat: "chat",
  code: "code",
  languages: "several languages",
  embedding: "embedding",
};

/** Whether the model fits into the worker's free memory, also with a smaller context. */
export function doesFit({ fit }: Pick<RecommendedModel, "fit">): boolean {
  return fit !== undefined && fit.verdict !== "none";
}

export function recommendedWords({ purposes, bytes, fit, downloaded }: RecommendedModel): readonly string[] {
  const context = fit?.verdict === "smaller" ? `, with ${formatCount(fit.context_size)} tokens of context` : "";
  return [
    purposes.map((purpose) => purposeNames[purpose]).join(", "),
    `file ${formatBytes(bytes)}`,
    ...(fit === undefined ? [] : [`${formatBytes(fit.memory_bytes)} of memory${context}`]),
    downloaded === "never" ? "never downloaded with Waggle" : `downloaded with Waggle on ${downloaded}`,
  ];
}
