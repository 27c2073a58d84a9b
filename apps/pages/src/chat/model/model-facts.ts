// Owns the description of the model that answers, in a few sentences. Pure.
import type { ModelStatus, WorkerInfo } from "@waggle/protocol";
import { canCallTools } from "@waggle/protocol/abilities";
import { formatCount, formatLargeCount } from "../../parts/format.ts";

type Shared = Pick<
  ModelStatus,
  "kind" | "architecture" | "quantization" | "parameters" | "context_size" | "chat" | "vision"
>;

export interface ModelFacts extends Shared {
  readonly name: string;
  /** The description in the model file. */
  readonly description?: string | undefined;
  /** Whether the fake backend answers, without a model. */
  readonly fake: boolean;
}

/**
 * @param info undefined before the worker has answered
 * @param chosen the model that answers, at a worker with several models
 */
export function factsOf(info: WorkerInfo | undefined, chosen: ModelStatus | undefined): ModelFacts | undefined {
  if (chosen !== undefined) return { ...chosen, fake: chosen.source === "fake" };
  return info === undefined ? undefined : { ...info, name: info.model, fake: info.backend === "fake" };
}

/** The embedded model tells only short stories for small children. */
const storyModel = /tiny.?stories/i;

export function isStoryTeller(name: string | undefined): boolean {
  return name !== undefined && storyModel.test(name);
}

/** Smaller models get simple facts wrong. */
const smallParameters = 1e9;

/** Describes the model and its abilities in one to three sentences. */
export function describeModel(facts: ModelFacts): string {
  const { name, kind, parameters, fake } = facts;
  if (fake) return "A test backend that makes up words, without a model.";
  const size = parameters === undefined ? "" : ` with ${formatLargeCount(parameters)} parameters`;
  if (kind === "embed") return `A model${size} that turns texts into vectors. It writes no answers.`;
  if (kind === "rerank") return `A model${size} that ranks texts. It writes no answers.`;
  if (isStoryTeller(name)) return `A story teller${size}: it knows only children's stories.`;
  return [`A language model${size}${makeWords(facts)}.`, abilityWords(facts), cautionWords(parameters)]
    .filter((sentence) => sentence !== "")
    .join(" ");
}

function makeWords({ architecture, quantization }: ModelFacts): string {
  const words = [architecture, quantization].filter((word) => word !== undefined);
  return words.length === 0 ? "" : ` (${words.join(", ")})`;
}

function abilityWords(facts: ModelFacts): string {
  const { context_size: context, chat, vision } = facts;
  const abilities = [
    context === undefined ? undefined : `reads and writes up to ${formatCount(context)} tokens in a conversation`,
    chat === undefined || chat.thinking === "never"
      ? undefined
      : chat.thinking === "always"
        ? "thinks before it answers"
        : "can think before it answers",
    vision === undefined ? undefined : "sees pictures",
    canCallTools(facts) ? "can call tools" : undefined,
  ].filter((ability) => ability !== undefined);
  return abilities.length === 0 ? "" : `It ${new Intl.ListFormat("en", { type: "conjunction" }).format(abilities)}.`;
}

function cautionWords(parameters: number | undefined): string {
  return parameters !== undefined && parameters < smallParameters
    ? "It is small: expect simple answers and mistakes."
    : "";
}
