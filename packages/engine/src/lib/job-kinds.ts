// Owns which jobs a model can do, by what it is for, and how the others are refused.
import { WaggleError, type ModelKind } from "@waggle/protocol";
import type { EngineJob } from "./messages.ts";

const uses: Readonly<Record<ModelKind, string>> = {
  generate: "this model writes texts; it does not rank them",
  embed: "this model embeds texts",
  rerank: "this model ranks texts",
};

/** A model that generates has vectors too. @throws WaggleError invalid_argument saying what the model is for */
export function checkKind({ kind }: EngineJob, model: ModelKind): void {
  if (kind === model || (kind === "embed" && model === "generate")) return;
  throw new WaggleError("invalid_argument", refusal(kind, model));
}

function refusal(job: EngineJob["kind"], model: ModelKind): string {
  switch (job) {
    case "generate":
      return `Cannot generate: ${uses[model]}; it does not write.`;
    case "embed":
      return `Cannot embed: ${uses[model]}; it has no vectors to give.`;
    case "rerank":
      return `Cannot rank: ${uses[model]}. Start the worker with a reranker, such as bge-reranker or jina-reranker.`;
  }
}
