// Owns what an empty conversation shows: what this is, and three prompts to begin with.
import type { VNode } from "preact";
import { suggestionsFor } from "./suggestions.ts";
import type { WorkerAbout } from "./worker-about.ts";

export interface WelcomeProps {
  readonly about: WorkerAbout;
  readonly onSend: (text: string) => void;
}

export function Welcome({ about, onSend }: WelcomeProps): VNode {
  const info = about.info.value;
  return (
    <section class="welcome" aria-labelledby="welcome-title">
      <img src="/favicon.svg" alt="" width="64" height="64" />
      <h2 id="welcome-title">What shall we talk about?</h2>
      <p class="muted">{info === undefined ? "This worker answers here." : `${info.model} answers, on this worker.`}</p>
      <ul class="suggestions">
        {suggestionsFor(info?.model).map((text) => (
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
