// Owns what an empty conversation shows: what this is, and three prompts to begin with.
import type { VNode } from "preact";
import { suggestionsFor } from "./suggestions.ts";

export interface WelcomeProps {
  /** The one that answers, as far as it is known. */
  readonly model: string | undefined;
  readonly onSend: (text: string) => void;
}

export function Welcome({ model, onSend }: WelcomeProps): VNode {
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <img src="/favicon.svg" alt="" width="64" height="64" />
      <h2 id="welcome-title">What shall we talk about?</h2>
      <p class="muted">{model === undefined ? "This worker answers here." : `${model} answers, on this worker.`}</p>
      <ul class="suggestions">
        {suggestionsFor(model).map((text) => (
          <li key={text}>
            <button type="button" class="button suggestion" onClick={() => onSend(text)}>
              {text}
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
