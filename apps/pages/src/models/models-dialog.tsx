// Owns the chat's dialog to choose, load and download models of the worker.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { ModelState } from "../parts/model-state.tsx";
import { ChangeLine } from "./changes/change-line.tsx";
import type { ModelControls } from "./model-controls.ts";
import { abilityWords, canChange, elsewhereWords } from "./model-words.ts";
import "./models.css";
import "./models-dialog.css";
import { StageProgress } from "./changes/progress-line.tsx";
import { HubFinder } from "./hub/hub-finder.tsx";
import { PullForm } from "./changes/pull-form.tsx";
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
  const { api, list, changes, rights } = controls;
  const dialog = useRef<HTMLDialogElement>(null);
  const statuses = list.statuses.value;
  const changeable = statuses !== undefined && canChange(statuses);
  const mayChange = changeable && rights.mayChange.value;
  useLayoutEffect(() => dialog.current?.showModal(), []);
  useEffect(() => void rights.refresh(), [rights, api.tokenAsked.value]);
  return (
    <dialog class="dialog models-dialog" ref={dialog} aria-labelledby="models-dialog-title" onClose={onClose}>
      <div class="stack">
        <div class="spread">
          <h2 id="models-dialog-title">{changeable ? "Models of this worker" : "Models"}</h2>
          <button type="button" class="button tiny" onClick={() => dialog.current?.close()}>
            Close
          </button>
        </div>
        <p class="small result" role="status">
          {changes.result.value}
        </p>
        <ul class="models">
          {(statuses?.models ?? []).map((model) => (
            <Row
              key={model.name}
              {...{ model, controls, mayChange }}
              inUse={model.name === chosen}
              onUse={() => {
                onChoose(model.name);
                dialog.current?.close();
              }}
            />
          ))}
        </ul>
        {!changeable ? (
          <p class="small muted">{elsewhereWords}</p>
        ) : mayChange ? (
          <>
            <HubFinder api={api} changes={changes} />
            <PullForm api={api} changes={changes} />
            <RecommendedModels api={api} changes={changes} />
          </>
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
  const { name, state } = model;
  const change = changes.ofModels.value.get(name);
  const busy = changes.full.value || change?.state === "running";
  return (
    <li class="model" data-model={name} data-state={state}>
      <div class="spread">
        <h3 class="anywhere">{name}</h3>
        <span class="row end">
          {inUse && <span class="badge">in use</span>}
          <ModelState state={state} />
          {mayChange && (state === "unloaded" || state === "failed") && (
            <button
              type="button"
              class="button tiny"
              disabled={busy}
              aria-label={`Load ${name}`}
              onClick={() => changes.load(name)}
            >
              Load
            </button>
          )}
          {!inUse && (model.kind === undefined || model.kind === "generate") && (
            <button type="button" class="button tiny" aria-label={`Use ${name}`} onClick={onUse}>
              Use
            </button>
          )}
        </span>
      </div>
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
