// Owns one model in the operator's panel, with its actions.
import { useSignal } from "@preact/signals";
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { ModelState } from "../parts/model-state.tsx";
import type { Api } from "../wire/api.ts";
import { ChangeLine } from "./changes/change-line.tsx";
import type { Change, Changes } from "./changes/changes.ts";
import { DeleteDialog, SwapDialog } from "./dialogs.tsx";
import { Memory } from "./memory-bar.tsx";
import { abilityWords, sourceWords, stayWords } from "./model-words.ts";
import { StageProgress } from "./changes/progress-line.tsx";
import { formatBytes, formatCount, formatCounted, formatLargeCount, formatPercent } from "../parts/format.ts";

export interface ModelRowProps {
  readonly api: Api;
  readonly model: ModelStatus;
  readonly change: Change | undefined;
  readonly changes: Changes;
  /** False at a gateway, which also does not know how long a model stays loaded. */
  readonly changeable: boolean;
  readonly others: readonly string[];
  readonly scaleBytes: number;
  /** The worker's clock, milliseconds since 1970. */
  readonly now: number;
}

export function ModelRow(props: ModelRowProps): VNode {
  const { api, model, change, changes, changeable, others, scaleBytes, now } = props;
  const { name, aliases, state, memory } = model;
  const loaded = state === "ready" || state === "unloading";
  return (
    <li class="model" data-model={name} data-state={state}>
      <div class="spread">
        <h3 class="anywhere">{name}</h3>
        <span class="row end">
          {model.default && <span class="badge">default</span>}
          <ModelState state={state} />
        </span>
      </div>
      {aliases.length > 0 && <p class="small muted anywhere">{`Also called ${aliases.join(", ")}`}</p>}
      <p class="small anywhere">{factsOf(model).join(" · ")}</p>
      <p class="small muted anywhere">
        {[model.file, sourceWords(model)].filter((words) => words !== undefined).join(" · ")}
      </p>
      {memory !== undefined && <Memory memory={memory} loaded={loaded} scaleBytes={scaleBytes} />}
      <p class="small muted numbers">
        {[...occupation(model), ...(changeable ? [stayWords(model, now)] : [])].join(" · ")}
      </p>
      {model.reason !== undefined && (
        <p class={state === "failed" ? "notice bad anywhere" : "notice anywhere"}>{model.reason}</p>
      )}
      <Movement model={model} change={change} />
      {change !== undefined && <ChangeLine api={api} change={change} onDismiss={changes.dismiss} />}
      {changeable && <Actions model={model} change={change} changes={changes} others={others} />}
    </li>
  );
}

function factsOf(model: ModelStatus): readonly string[] {
  const context = model.context_size ?? model.trained_context_size;
  return [
    ...abilityWords(model),
    model.architecture,
    model.quantization,
    model.parameters === undefined ? undefined : `${formatLargeCount(model.parameters)} parameters`,
    model.file_bytes === undefined ? undefined : `${formatBytes(model.file_bytes)} on disk`,
    context === undefined
      ? undefined
      : `${formatCount(context)} tokens of context${model.context_size === undefined ? " at most" : " for one job"}`,
  ].filter((words) => words !== undefined);
}

function occupation(model: ModelStatus): readonly string[] {
  return [
    model.slots === undefined ? undefined : `${model.slots.busy} of ${model.slots.total} slots busy`,
    model.queued === 0 ? undefined : formatCounted(model.queued, "waiting job"),
  ].filter((words) => words !== undefined);
}

/** The model's progress, unless a change of this page already shows the progress; and other files that are served under the model's name. */
function Movement({ model, change }: Pick<ModelRowProps, "model" | "change">): VNode | null {
  const { replacing, leaving = 0 } = model;
  return (
    <>
      {change?.progress === undefined && <StageProgress model={model} />}
      {replacing !== undefined && change?.progress === undefined && (
        <p class="small anywhere">
          {`${replacing.file} replaces it: ${replacing.state}${replacing.progress === undefined ? "" : `, ${formatPercent(replacing.progress)}`}`}
        </p>
      )}
      {leaving > 0 && (
        <p class="small muted">
          {leaving === 1
            ? "The file before this one finishes its last jobs."
            : `${leaving} files before this one finish their last jobs.`}
        </p>
      )}
    </>
  );
}

function Actions({
  model,
  change,
  changes,
  others,
}: Pick<ModelRowProps, "model" | "change" | "changes" | "others">): VNode {
  const dialog = useSignal<"none" | "swap" | "delete">("none");
  const { name, state, pinned, deletable } = model;
  const disabled = changes.full.value || change?.state === "running";
  const close = (): void => void (dialog.value = "none");
  return (
    <div class="row">
      {(state === "unloaded" || state === "failed") && (
        <Action label="Load" {...{ name, disabled }} onClick={() => changes.load(name)} />
      )}
      {state === "ready" && !pinned && (
        <Action label="Unload" {...{ name, disabled }} onClick={() => changes.unload(name)} />
      )}
      <Action label="Pin" {...{ name, disabled }} pressed={pinned} onClick={() => changes.pin(name, !pinned)} />
      <Action label="Swap" {...{ name, disabled }} onClick={() => (dialog.value = "swap")} />
      {deletable && <Action label="Delete" {...{ name, disabled }} onClick={() => (dialog.value = "delete")} />}
      {dialog.value === "swap" && (
        <SwapDialog
          model={model}
          others={others}
          onSwap={(reference, unloadFirst) => changes.swap(name, reference, unloadFirst)}
          onClose={close}
        />
      )}
      {dialog.value === "delete" && (
        <DeleteDialog model={model} onDelete={() => changes.remove(name)} onClose={close} />
      )}
    </div>
  );
}

interface ActionProps {
  readonly label: string;
  /** The model's name, for the button's label: all rows have the same buttons. */
  readonly name: string;
  readonly disabled: boolean;
  readonly pressed?: boolean;
  readonly onClick: () => void;
}

function Action({ label, name, disabled, pressed, onClick }: ActionProps): VNode {
  return (
    <button
      type="button"
      class="button tiny"
      aria-label={`${label} ${name}`}
      aria-pressed={pressed}
      disabled={disabled}
      onClick={onClick}
    >
      {label}
    </button>
  );
}
