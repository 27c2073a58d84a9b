// Owns the search for models at the hub: a form, which also takes a reference, the repositories found, and the files of each with a button.
import type { HubFile, HubFiles, HubModel } from "@waggle/protocol";
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { useSignal } from "@preact/signals";
import { Alert } from "../../parts/alert.tsx";
import { formatCounted } from "../../parts/format.ts";
import { OfferButton, OfferState, useShown, type Offers } from "../downloads/download-action.tsx";
import { isReference, listedForm } from "../downloads/downloads.ts";
import { createHubSearch, type Asked, type HubSearch } from "./hub-search.ts";
import { fileToTake, hubName, popularityWords, sizeWords, verdictOf } from "./hub-words.ts";
import "./hub.css";

export function HubFinder({ offers }: { readonly offers: Offers }): VNode {
  const { api, downloads } = offers;
  const hub = useMemo(() => createHubSearch(api), [api]);
  const typed = useSignal("");
  /** The last reference that was typed and sent, as the worker lists it. */
  const sent = useSignal("");
  const result = hub.result.value;
  const direct = isReference(typed.value.trim());
  return (
    <section class="stack" aria-labelledby="hub-title">
      <h3 id="hub-title">Find another model</h3>
      <form
        class="hub-form"
        onSubmit={(event) => {
          event.preventDefault();
          const query = typed.value.trim();
          if (direct) {
            void downloads.start(query);
            sent.value = listedForm(query);
            typed.value = "";
          } else if (query !== "") hub.search(query);
        }}
      >
        <label class="field">
          <span>Name or reference</span>
          <input
            class="input"
            type="search"
            name="query"
            placeholder="qwen3 4b, or hf:user/repo:Q4_K_M"
            aria-describedby="hub-hint"
            maxLength={4_096}
            autocomplete="off"
            autocapitalize="off"
            spellcheck={false}
            value={typed.value}
            onInput={(event) => (typed.value = event.currentTarget.value)}
            required
          />
        </label>
        <button class="button">{direct ? "Download" : "Search"}</button>
      </form>
      <p class="small muted anywhere" id="hub-hint" role="status">
        {searchStatus(result)}
      </p>
      {sent.value !== "" && <Typed key={sent.value} reference={sent.value} offers={offers} />}
      {result?.state === "failed" && <Alert text={result.problem.message} />}
      {result?.state === "found" && (
        <ul class="hub-models">
          {result.found.models.map((model) => (
            <Repository key={model.reference} {...{ model, hub, offers }} />
          ))}
        </ul>
      )}
    </section>
  );
}

function searchStatus(result: HubSearch["result"]["value"]): string {
  if (result?.state === "asking") return "Searching…";
  if (result?.state !== "found")
    return "References: hf:user/repo:quant, ollama:name:tag, or an https address, optionally with #sha256=….";
  const { models, hub } = result.found;
  return models.length === 0
    ? `Nothing found at ${hubName(hub)}`
    : `${formatCounted(models.length, "model")} of ${hubName(hub)}, most downloads first`;
}

/** The download of a reference that was typed. */
function Typed({ reference, offers }: { readonly reference: string; readonly offers: Offers }): VNode {
  useShown(offers, reference);
  return (
    <div class="stack tight" data-download={reference}>
      <div class="spread">
        <span class="small mono anywhere">{reference}</span>
        <OfferButton {...{ offers, reference, title: reference, model: undefined }} />
      </div>
      <OfferState {...{ offers, reference, title: reference }} />
    </div>
  );
}

interface RepositoryProps {
  readonly model: HubModel;
  readonly hub: HubSearch;
  readonly offers: Offers;
}

function Repository({ model, hub, offers }: RepositoryProps): VNode {
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
      {open.value && files !== undefined && <Files {...{ files, offers }} />}
    </li>
  );
}

function Files({ files, offers }: { readonly files: Asked<HubFiles>; readonly offers: Offers }): VNode {
  if (files.state === "failed") return <Alert text={files.problem.message} />;
  if (files.state === "asking") {
    return (
      <p class="small muted" role="status">
        Reading sizes…
      </p>
    );
  }
  const { files: list, left_out: leftOut } = files.found;
  const take = fileToTake(list);
  return (
    <>
      {list.length === 0 && <p class="small muted">This repository has no GGUF model.</p>}
      <ul class="hub-files">
        {list.map((file) => (
          <File key={file.reference} {...{ file, offers }} marked={file === take} />
        ))}
      </ul>
      {leftOut > 0 && <p class="small muted">{`${formatCounted(leftOut, "further file")} not read.`}</p>}
    </>
  );
}

interface FileProps {
  readonly file: HubFile;
  readonly offers: Offers;
  readonly marked: boolean;
}

function File({ file, offers, marked }: FileProps): VNode {
  const { reference, fit, file: title } = file;
  useShown(offers, reference);
  const verdict = fit === undefined ? undefined : verdictOf(fit);
  return (
    <li class="hub-file" data-file={title}>
      <div class="spread">
        <span class="row">
          <strong class="anywhere">{file.quantization ?? title}</strong>
          {marked && <span class="badge good">take this one</span>}
          {verdict !== undefined && <span class={`badge ${marked ? "" : verdict.tone}`}>{verdict.words}</span>}
        </span>
        <OfferButton {...{ offers, reference, title, model: file.model, primary: marked }} />
      </div>
      <p class="small muted numbers anywhere">{sizeWords(file)}</p>
      <OfferState {...{ offers, reference, title }} />
    </li>
  );
}
