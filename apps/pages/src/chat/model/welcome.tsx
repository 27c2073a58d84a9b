// Owns the content of an empty conversation: the model's description, and three suggested prompts that suit the model.
import type { VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import { describeModel, isStoryTeller, type ModelFacts } from "./model-facts.ts";

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

export interface WelcomeProps {
  /** The facts about the model that answers; undefined before the worker's first answer. */
  readonly facts: ModelFacts | undefined;
  readonly onSend: (text: string) => void;
}

export function Welcome({ facts, onSend }: WelcomeProps): VNode {
  const tellsStories = isStoryTeller(facts?.name);
  const description = tellsStories ? undefined : facts?.description;
  const writes = facts?.kind === undefined || facts.kind === "generate";
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <img src="/favicon.svg" alt="" width="64" height="64" />
      <h2 id="welcome-title">What shall we talk about?</h2>
      <div class="welcome-model muted">
        {facts !== undefined && (
          <>
            <p class="strong">{facts.name}</p>
            <p>{describeModel(facts)}</p>
          </>
        )}
        {description !== undefined && <p class="small">{`Its file says: “${description}”`}</p>}
      </div>
      {writes && (
        <ul class="suggestions">
          {(tellsStories ? stories : anything).map((text) => (
            <li key={text}>
              <Button label={text} kind="suggestion" onClick={() => onSend(text)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
