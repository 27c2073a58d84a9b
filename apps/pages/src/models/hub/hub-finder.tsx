// Owns the search for models at the hub: a form, the repositories found, and the files of each with a button to download it.
import type { HubFile, HubFiles, HubModel } from "@waggle/protocol";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { formatCounted } from "../../parts/format.ts";
import { formText } from "../../parts/form-text.ts";
import type { Api } from "../../wire/api.ts";
import type { Problem } from "../../wire/problem.ts";
import type { Changes } from "../changes/changes.ts";
import { createHubSearch } from "./hub-search.ts";
import type { Asked, HubSearch } from "./hub-search.ts";
import { hubName, popularityWords, sizeWords, verdictOf } from "./hub-words.ts";
import "./hub.css";

interface FinderProps {
  readonly api: Api;
  readonly changes: Changes;
}

export function HubFinder({ api, changes }: FinderProps): VNode {
  const hub = useMemo(() => createHubSearch(api), [api]);
  const result = hub.result.value;
  return (
    <section class="stack" aria-labelledby="hub-title">
      <h3 id="hub-title">Find a model</h3>
      <form
        class="hub-form"
        onSubmit={(event) => {
          event.preventDefault();
          const query = formText(new FormData(event.currentTarget), "query");
          if (query !== "") hub.search(query);
        }}
      >
        <label class="field">
          <span>Name</span>
          <input
            class="input"
            type="search"
            name="query"
            placeholder="qwen3 4b"
            maxLength={200}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            required
          />
        </label>
        <button class="button">Search</button>
      </form>
      <p class="small muted anywhere" role="status">
        {statusOf(result)}
      </p>
      {result?.state === "failed" && <Failed problem={result.problem} />}
      {result?.state === "found" && (
        <ul class="hub-models">
          {result.found.models.map((model) => (
            <Repository key={model.reference} {...{ model, hub, changes }} />
          ))}
        </ul>
      )}
    </section>
  );
}

function statusOf(result: HubSearch["result"]["value"]): string {
  if (result?.state === "asking") return "Searching…";
  if (result?.state !== "found") return "The worker asks the hub, and does not keep the words of a search.";
  const { models, hub } = result.found;
  return models.length === 0
    ? `Nothing found at ${hubName(hub)}`
    : `${formatCounted(models.length, "model")} of ${hubName(hub)}, most downloads first`;
}

function Failed({ problem }: { readonly problem: Problem }): VNode {
  return (
    <p class="notice bad anywhere" role="alert">
      {problem.message}
    </p>
  );
}

interface RepositoryProps {
  readonly model: HubModel;
  readonly hub: HubSearch;
  readonly changes: Changes;
}

function Repository({ model, hub, changes }: RepositoryProps): VNode {
  const open = useSignal(false);
  const name = model.reference.replace(/^hf:/, "");
  const files = hub.files.value.get(model.reference);
  return (
    <li class="hub-model" data-reference={model.reference}>
      <div class="spread">
        <strong class="anywhere">{name}</strong>
        <button
          type="button"
          class="button tiny"
          aria-expanded={open.value}
          aria-label={`Files of ${name}`}
          onClick={() => {
            open.value = !open.value;
            if (open.value) hub.open(model.reference);
          }}
        >
          Files
        </button>
      </div>
      <p class="small muted numbers">{popularityWords(model)}</p>
      {open.value && files !== undefined && <Files {...{ files, changes }} />}
    </li>
  );
}

function Files({ files, changes }: { readonly files: Asked<HubFiles>; readonly changes: Changes }): VNode {
  if (files.state === "failed") return <Failed problem={files.problem} />;
  if (files.state === "asking") {
    return (
      <p class="small muted" role="status">
        Reading sizes…
      </p>
    );
  }
  const { files: list, left_out: leftOut } = files.found;
  return (
    <>
      {list.length === 0 && <p class="small muted">This repository has no GGUF model.</p>}
      <ul class="hub-files">
        {list.map((file) => (
          <File key={file.reference} {...{ file, changes }} />
        ))}
      </ul>
      {leftOut > 0 && <p class="small muted">{`${formatCounted(leftOut, "further file")} not read.`}</p>}
    </>
  );
}

function File({ file, changes }: { readonly file: HubFile; readonly changes: Changes }): VNode {
  const { reference, fit } = file;
  const verdict = fit === undefined ? undefined : verdictOf(fit);
  const running = changes.pulls.value.get(reference)?.state === "running";
  return (
    <li class="hub-file" data-file={file.file}>
      <div class="spread">
        <span class="row">
          <strong class="anywhere">{file.quantization ?? file.file}</strong>
          {verdict !== undefined && <span class={`badge ${verdict.tone}`}>{verdict.words}</span>}
        </span>
        <button
          type="button"
          class="button tiny"
          aria-label={`Download ${file.file}`}
          disabled={changes.full.value || running}
          onClick={() => changes.pull(reference, "")}
        >
          Download
        </button>
      </div>
      <p class="small muted numbers anywhere">{sizeWords(file)}</p>
    </li>
  );
}
