// Owns the search for models at the hub: a form, which also takes a reference, the repositories found, and the files of each with a button.
import type { HubFile, HubFiles, HubModel, HubModels } from "@waggle/protocol";
import type { VNode } from "preact";
import { useSignal } from "@preact/signals";
import { Alert } from "../../parts/alert.tsx";
import { formatCounted } from "../../parts/format.ts";
import { Button } from "../../parts/icons.tsx";
import { useAsked, type Asked } from "../asked.ts";
import { OfferRow, type Offers } from "../downloads/offer-row.tsx";
import { isReference, listedForm } from "../downloads/downloads.ts";
import { ModelItem } from "../model-item.tsx";
import { fileToTake, hubName, popularityWords, sizeWords, verdictOf } from "./hub-words.ts";
import "./hub.css";

export function HubFinder({ offers }: { readonly offers: Offers }): VNode {
  const { api, downloads } = offers.controls;
  const [result, search] = useAsked<HubModels>(api, "POST");
  const typed = useSignal("");
  /** The last reference that was typed and sent, as the worker lists it. */
  const sent = useSignal("");
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
          } else if (query !== "") void search(`/v1/hub/models?${new URLSearchParams({ query }).toString()}`);
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
      {sent.value !== "" && (
        <ul class="models">
          <OfferRow
            key={sent.value}
            {...{ offers }}
            reference={sent.value}
            title={sent.value}
            facts=""
            data-download={sent.value}
          />
        </ul>
      )}
      {result?.state === "failed" && <Alert text={result.problem.message} />}
      {result?.state === "found" && (
        <ul class="models">
          {result.found.models.map((model) => (
            <Repository key={model.reference} {...{ model, offers }} />
          ))}
        </ul>
      )}
    </section>
  );
}

function searchStatus(result: Asked<HubModels> | undefined): string {
  if (result?.state === "asking") return "Searching…";
  if (result?.state !== "found")
    return "References: hf:user/repo:quant, ollama:name:tag, or an https address, optionally with #sha256=….";
  const { models, hub } = result.found;
  return models.length === 0
    ? `Nothing found at ${hubName(hub)}`
    : `${formatCounted(models.length, "model")} of ${hubName(hub)}, most downloads first`;
}

interface RepositoryProps {
  readonly model: HubModel;
  readonly offers: Offers;
}

function Repository({ model, offers }: RepositoryProps): VNode {
  const open = useSignal(false);
  const [files, ask] = useAsked<HubFiles>(offers.controls.api, "POST");
  const name = model.reference.replace(/^hf:/, "");

  function toggle(): void {
    open.value = !open.value;
    if (!open.value || files?.state === "asking" || files?.state === "found") return;
    void ask(`/v1/hub/files?${new URLSearchParams({ repo: model.reference }).toString()}`);
  }
  return (
    <ModelItem
      title={name}
      data-reference={model.reference}
      buttons={<Button label="Files" aria-label={`Files of ${name}`} aria-expanded={open.value} onClick={toggle} />}
      facts={popularityWords(model)}
    >
      {open.value && files !== undefined && <Files {...{ files, offers }} />}
    </ModelItem>
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
      <ul class="models hub-files">
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
  const { reference, fit, quantization, model } = file;
  const verdict = fit === undefined ? undefined : verdictOf(fit);
  return (
    <OfferRow
      {...{ offers, reference, model }}
      heading="h5"
      title={file.file}
      shortTitle={quantization}
      badges={
        <>
          {marked && <span class="badge good">take this one</span>}
          {verdict !== undefined && <span class={`badge ${marked ? "" : verdict.tone}`}>{verdict.words}</span>}
        </>
      }
      facts={sizeWords(file)}
      primary={marked}
      data-file={file.file}
    />
  );
}
