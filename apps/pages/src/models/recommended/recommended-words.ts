// Owns the texts for recommended models, and the choice of the few that are shown first. Pure.
import type { RecommendedModel } from "@waggle/protocol";
import { formatCount, joinFacts } from "../../parts/format.ts";
import { memoryWords } from "../hub/hub-words.ts";

type Purpose = RecommendedModel["purposes"][number];

const purposeNames: Readonly<Record<Purpose, string>> = {
  chat: "chat",
  code: "code",
  languages: "several languages",
  embedding: "search by meaning (embeddings)",
};

/** Number of models that are shown first. */
const fewModels = 4;
/** A model of the list that is smaller than this is quick on any machine. */
const quickBytes = 1.2e9;

/** Whether the model fits into the worker's free memory, also with a smaller context. */
export function doesFit({ fit }: Pick<RecommendedModel, "fit">): boolean {
  return fit !== undefined && fit.verdict !== "none";
}

/** The model to take first: the best one for chat. */
export function markOf(fitting: readonly RecommendedModel[]): RecommendedModel | undefined {
  return fitting.find((model) => model.best_for.includes("chat"));
}

/** The best model of each purpose, the marked one first, and small models up to `fewModels`. */
export function fewOf(fitting: readonly RecommendedModel[]): readonly RecommendedModel[] {
  const mark = markOf(fitting);
  const best = fitting.filter((model) => model !== mark && model.best_for.some((purpose) => purpose !== "embedding"));
  const rest = fitting.filter((model) => model !== mark && !best.includes(model) && isQuickChat(model));
  return [...(mark === undefined ? [] : [mark]), ...best, ...rest].slice(0, fewModels);
}

function isQuickChat({ purposes, bytes }: RecommendedModel): boolean {
  return purposes.includes("chat") && bytes < quickBytes;
}

export function recommendedWords({ purposes, bytes, fit }: RecommendedModel): string {
  const context = fit?.verdict === "smaller" ? `, with ${formatCount(fit.context_size)} tokens of context` : "";
  return joinFacts(
    purposes.map((purpose) => purposeNames[purpose]).join(", "),
    bytes < quickBytes && purposes.includes("chat") ? "quick, makes more mistakes" : undefined,
    fit && `${memoryWords(fit)}${context}`,
  );
}
