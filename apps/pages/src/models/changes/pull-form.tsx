// Owns the form to download a model, and the list of downloads with their progress.
import type { VNode } from "preact";
import { formText } from "../../parts/form-text.ts";
import type { Api } from "../../wire/api.ts";
import { ChangeLine } from "./change-line.tsx";
import type { Changes } from "./changes.ts";

export function PullForm({ api, changes }: { readonly api: Api; readonly changes: Changes }): VNode {
  function submit(event: SubmitEvent): void {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const fields = new FormData(form);
    const reference = formText(fields, "reference");
    if (reference === "") return;
    changes.pull(reference, formText(fields, "name"));
    form.reset();
  }

  return (
    <section class="stack" aria-labelledby="pull-title">
      <h3 id="pull-title">Download a model</h3>
      <form class="pull" onSubmit={submit}>
        <label class="field">
          <span>Reference</span>
          <input
            class="input mono"
            name="reference"
            placeholder="hf:user/repo:Q4_K_M"
            aria-describedby="pull-hint"
            maxLength={4_096}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            required
          />
        </label>
        <label class="field">
          <span>Serve it as (optional)</span>
          <input class="input" name="name" maxLength={256} autocomplete="off" />
        </label>
        <button class="button primary" disabled={changes.full.value}>
          Download
        </button>
      </form>
      <p class="small muted anywhere" id="pull-hint">
        {changes.full.value
          ? "Several changes are running. Wait until one of them ends."
          : "hf:user/repo:quant, ollama:name:tag, or an https address, optionally with #sha256=…."}
      </p>
      <ul class="pulls">
        {[...changes.pulls.value.values()].map((pull) => (
          <li class="pulled" key={pull.subject} data-pull={pull.subject}>
            <span class="spread">
              <strong class="anywhere">{pull.subject}</strong>
              {pull.state === "running" && (
                <button
                  type="button"
                  class="button tiny"
                  aria-label={`Cancel the download of ${pull.subject}`}
                  onClick={() => changes.dismiss(pull)}
                >
                  Cancel
                </button>
              )}
            </span>
            <ChangeLine api={api} change={pull} onDismiss={changes.dismiss} />
          </li>
        ))}
      </ul>
    </section>
  );
}
