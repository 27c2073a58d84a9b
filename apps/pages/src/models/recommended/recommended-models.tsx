// Owns the list of recommended models in the models dialog: those that fit, each with a button that downloads it.
import { useSignal } from "@preact/signals";
import type { RecommendedModels as Recommended } from "@waggle/protocol";
import type { VNode } from "preact";
import type { Api } from "../../wire/api.ts";
import type { Changes } from "../changes/changes.ts";
import { doesFit, recommendedWords } from "./recommended-words.ts";

type Answer = Recommended | "asking" | "failed";

export function RecommendedModels({ api, changes }: { readonly api: Api; readonly changes: Changes }): VNode {
  const answer = useSignal<Answer | undefined>(undefined);

  /** Asks again each time the list opens, because free memory changes. */
  async function ask(): Promise<void> {
    answer.value = "asking";
    try {
      const response = await api.request("/v1/hub/recommended");
      answer.value = response.ok ? ((await response.json()) as Recommended) : "failed";
    } catch {
      answer.value = "failed";
    }
  }

  return (
    <section aria-labelledby="recommended-title">
      <details class="recommended" onToggle={({ currentTarget }) => void (currentTarget.open && ask())}>
        <summary id="recommended-title">Recommended models for this machine</summary>
        {answer.value === undefined || answer.value === "asking" ? (
          <p class="small muted">Reading the list…</p>
        ) : answer.value === "failed" ? (
          <p class="small notice bad">The worker did not send the list. Close and open it to try again.</p>
        ) : (
          <List recommended={answer.value} changes={changes} />
        )}
      </details>
    </section>
  );
}

function List({ recommended, changes }: { readonly recommended: Recommended; readonly changes: Changes }): VNode {
  const { note, models } = recommended;
  const fitting = models.filter(doesFit);
  const others = models.length - fitting.length;
  return (
    <>
      <p class="small muted">{`${note} Models of the list that do not fit into the free memory: ${others}.`}</p>
      <ul class="models">
        {fitting.map((model) => (
          <li class="model" key={model.reference} data-recommended={model.reference}>
            <div class="spread">
              <h3 class="anywhere">{model.name}</h3>
              <button
                type="button"
                class="button tiny"
                disabled={changes.full.value || changes.pulls.value.has(model.reference)}
                aria-label={`Download ${model.name}`}
                onClick={() => changes.pull(model.reference, "")}
              >
                Download
              </button>
            </div>
            <p class="small muted anywhere">{recommendedWords(model).join(" · ")}</p>
            <p class="small mono anywhere">{model.reference}</p>
          </li>
        ))}
      </ul>
    </>
  );
}
