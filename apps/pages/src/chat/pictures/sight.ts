// Owns whether the model that answers can see pictures, and the sentences about a model that cannot. Pure.
import type { ModelFacts } from "../model/model-facts.ts";

export interface Sight {
  /** The model's name, for sentences. */
  readonly model: string;
  /** Undefined while the worker does not know, because the model is not loaded or its file is not on disk. */
  readonly sees: boolean | undefined;
  /** The model gets larger pictures scaled down. */
  readonly maxPixels: number | undefined;
}

const unknownSight: Sight = { model: "the model", sees: undefined, maxPixels: undefined };

/** @param facts undefined before the worker's first answer */
export function sightOf(facts: Pick<ModelFacts, "name" | "kind" | "vision"> | undefined): Sight {
  if (facts === undefined) return unknownSight;
  const { name: model, kind, vision } = facts;
  // The worker learns the model's kind and whether it sees at the same time: from the file, or from the engine.
  return {
    model,
    sees: vision === undefined && kind === undefined ? undefined : vision !== undefined,
    maxPixels: vision?.max_pixels,
  };
}

/** Completes "Cannot attach bee.png: ". Undefined if the model sees, or may see. */
export function blindReason({ model, sees }: Sight): string | undefined {
  return sees === false ? `the model ${model} cannot see pictures.` : undefined;
}

/** The text that replaces a picture in a request to a model that cannot see it. */
export function unseenPicture(name: string): string {
  return `[Picture ${name}: not shown, because this model cannot see pictures]`;
}

/** The text that replaces a picture that the browser has not kept. */
export const lostPicture = "[A picture that is no longer available]";

/** @param pictures number of pictures in the conversation and in the unsent message */
export function blindWords(model: string, pictures: number): string {
  return pictures === 1
    ? `${model} cannot see pictures. It gets the name of the picture in this conversation, but not the picture.`
    : `${model} cannot see pictures. It gets the names of the ${pictures} pictures in this conversation, but not the pictures.`;
}
