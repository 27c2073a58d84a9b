// Owns the content of an empty conversation: the model's description and three suggested prompts.
import type { VNode } from "preact";
import { describeModel, isStoryTeller } from "./model-facts.ts";
import type { ModelFacts } from "./model-facts.ts";
import { suggestionsFor } from "./suggestions.ts";

export interface WelcomeProps {
  /** Of the model that answers; undefined before the worker's first answer. */
  readonly facts: ModelFacts | undefined;
  readonly onSend: (text: string) => void;
}

export function Welcome({ facts, onSend }: WelcomeProps): VNode {
  const description = facts === undefined || isStoryTeller(facts.name) ? undefined : facts.description;
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
          {suggestionsFor(facts?.name).map((text) => (
            <li key={text}>
              <button type="button" class="button suggestion" onClick={() => onSend(text)}>
                {text}
              </button>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
