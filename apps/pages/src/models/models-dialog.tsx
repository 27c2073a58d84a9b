// Owns the chat's dialog of models: recommended ones, the worker's, and a search for others.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { ModelState } from "../parts/model-state.tsx";
import { ChangeLine } from "./changes/change-line.tsx";
import { UseButton } from "./downloads/download-action.tsx";
import { UnfinishedDownloads } from "./downloads/unfinished-downloads.tsx";
import { offersOf, type ModelControls } from "./model-controls.ts";
import { abilityWords, canChange, elsewhereWords } from "./model-words.ts";
import "./models.css";
import { StageProgress } from "./changes/progress-line.tsx";
import { HubFinder } from "./hub/hub-finder.tsx";
import { RecommendedModels } from "./recommended/recommended-models.tsx";
import { formatBytes, formatCount, formatLargeCount } from "../parts/format.ts";

export interface ModelsDialogProps {
  readonly controls: ModelControls;
  /** The model of this conversation. */
  readonly chosen: string | undefined;
  readonly onChoose: (model: string) => void;
  readonly onClose: () => void;
}

export function ModelsDialog({ controls, chosen, onChoose, onClose }: ModelsDialogProps): VNode {
  const { api, list, changes, downloads, rights } = controls;
  const dialog = useRef<HTMLDialogElement>(null);
  const statuses = list.statuses.value;
  const models = statuses?.models ?? [];
  const changeable = statuses !== undefined && canChange(statuses);
  const mayChange = changeable && rights.mayChange.value;
  useLayoutEffect(() => dialog.current?.showModal(), []);
  useEffect(() => void rights.refresh(), [rights, api.tokenAsked.value]);
  useEffect(() => void downloads.refresh(), [downloads]);

  /** Choosing a model also loads it, so that the first answer comes sooner. */
  function use(name: string): void {
    onChoose(name);
    const state = models.find((model) => model.name === name)?.state;
    if (mayChange && (state === "unloaded" || state === "failed")) changes.load(name);
    dialog.current?.close();
  }
  const offers = offersOf(controls, { chosen, onUse: use });
  return (
    <dialog class="dialog models-dialog" ref={dialog} aria-labelledby="models-dialog-title" onClose={onClose}>
      <div class="stack">
        <div class="spread">
          <h2 id="models-dialog-title">Models</h2>
          <button type="button" class="button tiny" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
        <p class="small result" role="status">
          {[downloads.result.value, changes.result.value].filter((words) => words !== "").join(" ")}
        </p>
        {mayChange && (
          <section aria-labelledby="recommended-title">
            <h3 id="recommended-title">Recommended for this machine</h3>
            <RecommendedModels offers={offers} />
          </section>
        )}
        <section aria-labelledby="here-title">
          <h3 id="here-title">On this server</h3>
          {mayChange && <UnfinishedDownloads offers={offers} />}
          <ul class="models">
            {models.map((model) => (
              <Row
                key={model.name}
                {...{ model, controls, mayChange }}
                inUse={model.name === chosen}
                onUse={() => use(model.name)}
              />
            ))}
          </ul>
          {models.length === 0 && <p class="small muted">No model yet.</p>}
        </section>
        {!changeable ? (
          <p class="small muted">{elsewhereWords}</p>
        ) : mayChange ? (
          <HubFinder offers={offers} />
        ) : (
          <div class="spread small">
            <p class="muted">Loading and downloading models requires an admin token.</p>
            <button type="button" class="button tiny" onClick={() => (api.tokenAsked.value = "admin")}>
              Enter an admin token
            </button>
          </div>
        )}
      </div>
    </dialog>
  );
}

interface RowProps {
  readonly model: ModelStatus;
  readonly controls: ModelControls;
  readonly mayChange: boolean;
  readonly inUse: boolean;
  readonly onUse: () => void;
}

function Row({ model, controls: { api, changes }, mayChange, inUse, onUse }: RowProps): VNode {
  const { name, state, aliases } = model;
  const change = changes.ofModels.value.get(name);
  const busy = changes.full.value || change?.state === "running";
  const writes = model.kind === undefined || model.kind === "generate";
  return (
    <li class="model" data-model={name} data-state={state}>
      <div class="spread">
        <h4 class="anywhere">{name}</h4>
        <span class="row end">
          {inUse && <span class="badge">in use</span>}
          <ModelState state={state} />
          {inUse && mayChange && state === "failed" && (
            <button
              type="button"
              class="button tiny"
              disabled={busy}
              aria-label={`Load ${name} again`}
              onClick={() => changes.load(name)}
            >
              Try again
            </button>
          )}
          {!inUse && writes && <UseButton name={name} onUse={onUse} />}
        </span>
      </div>
      {aliases.length > 0 && <p class="small muted anywhere">{`Also called ${aliases.join(", ")}`}</p>}
      <p class="small muted anywhere">{factsOf(model).join(" · ")}</p>
      {model.reason !== undefined && (
        <p class={state === "failed" ? "notice bad anywhere" : "notice anywhere"}>{model.reason}</p>
      )}
      {change === undefined ? (
        <StageProgress model={model} />
      ) : (
        <ChangeLine api={api} change={change} onDismiss={changes.dismiss} />
      )}
    </li>
  );
}

function factsOf(model: ModelStatus): readonly string[] {
  const context = model.context_size ?? model.trained_context_size;
  return [
    ...abilityWords(model),
    model.parameters === undefined ? undefined : `${formatLargeCount(model.parameters)} parameters`,
    model.file_bytes === undefined ? undefined : `${formatBytes(model.file_bytes)} on disk`,
    model.memory === undefined ? undefined : `${formatBytes(model.memory.total)} of memory`,
    context === undefined ? undefined : `${formatCount(context)} tokens of context`,
  ].filter((words) => words !== undefined);
}
