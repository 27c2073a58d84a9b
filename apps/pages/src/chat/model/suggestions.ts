// Owns the suggested prompts of an empty conversation, chosen for the model.
import { isStoryTeller } from "./model-facts.ts";

const stories = [
  "Tell me a story about a dog and a ball.",
  "Write a short story with the words rabbit, castle and rain.",
  "Who are you?",
] as const;

const anything = [
  "Explain how bees tell each other where the flowers are.",
  "Write a short poem about rain on a tin roof.",
  "Suggest three names for a small bakery by the sea.",
] as const;

export function suggestionsFor(model: string | undefined): readonly string[] {
  return isStoryTeller(model) ? stories : anything;
}
