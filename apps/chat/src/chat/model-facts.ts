// Owns what the page knows of the model that answers, and how that is put into a few true sentences. Pure.
import type { ModelStatus, WorkerInfo } from "@waggle/protocol";
import { parameterWords } from "../models/model-words.ts";

type Shared = Pick<ModelStatus, "kind" | "architecture" | "quantization" | "parameters" | "context_size" | "chat">;

export interface ModelFacts extends Shared {
  readonly name: string;
  /** What its file says of it. */
  readonly description?: string | undefined;
  /** There is no model at all. */
  readonly fake: boolean;
}

/**
 * @param info undefined before the worker has answered
 * @param chosen the one that answers, where the worker has several
 */
export function factsOf(info: WorkerInfo | undefined, chosen: ModelStatus | undefined): ModelFacts | undefined {
  if (chosen !== undefined) return { ...chosen, fake: chosen.source === "fake" };
  return info === undefined ? undefined : { ...info, name: info.model, fake: info.backend === "fake" };
}

/** The embedded model tells short stories to small children, and nothing else. */
const storyModel = /tiny.?stories/i;

export function isStoryTeller(name: string | undefined): boolean {
  return name !== undefined && storyModel.test(name);
}

/** Smaller ones get simple facts wrong. */
const smallParameters = 1e9;

/** What the model is and what it can do: a sentence or a few. */
export function describeModel(facts: ModelFacts): string {
  const { name, kind, parameters, fake } = facts;
  if (fake) return "A test backend that makes up words: there is no model behind it.";
  const size = parameters === undefined ? "" : ` with ${parameterWords(parameters)} parameters`;
  if (kind === "embed") return `A model${size} that turns texts into vectors. It writes no answers.`;
  if (kind === "rerank") return `A model${size} that ranks texts. It writes no answers.`;
  if (isStoryTeller(name)) return `A story teller${size}: it knows children's stories and nothing else.`;
  return [`A language model${size}${makeWords(facts)}.`, abilityWords(facts), cautionWords(parameters)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

function makeWords({ architecture, quantization }: ModelFacts): string {
  const words = [architecture, quantization].filter((word) => word !== undefined);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function abilityWords({ context_size: context, chat }: ModelFacts): string {
  const abilities = [
    context === undefined
      ? undefined
      : `reads and writes up to ${context.toLocaleString("en")} tokens in a conversation`,
    chat === undefined || chat.thinking === "never"
      ? undefined
      : chat.thinking === "always"
        ? "thinks before it answers"
        : "can think before it answers",
    chat?.tools === true ? "can call tools" : undefined,
  ].filter((ability) => ability !== undefined);
  return abilities.length === 0 ? "" : `It ${listed(abilities)}.`;
}

function cautionWords(parameters: number | undefined): string {
  return parameters !== undefined && parameters < smallParameters
    ? "It is small: expect simple answers, and mistakes."
    : "";
}

function listed(parts: readonly string[]): string {
  return new Intl.ListFormat("en", { type: "conjunction" }).format(parts);
}
