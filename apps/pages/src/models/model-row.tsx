// Owns the row of a worker's model: in a conversation with a button to use it, on the status page with its details and all changes.
import { useSignal } from "@preact/signals";
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { useNow } from "../parts/countdown.tsx";
import { formatPercent } from "../parts/format.ts";
import { ModelState, stateWord } from "../parts/model-state.tsx";
import { ChangeLine } from "./changes/change-line.tsx";
import type { ChangeRight } from "./changes/change-rights.ts";
import { StageProgress } from "./changes/progress-line.tsx";
import { DeleteDialog, SwapDialog } from "./dialogs.tsx";
import type { Offers } from "./downloads/offer-row.tsx";
import { Button } from "../parts/icons.tsx";
import { ModelItem } from "./model-item.tsx";
import { factWords, fileWords, memoryWords, workWords } from "./row-words.ts";

export interface ModelRowProps {
  readonly model: ModelStatus;
  readonly offers: Offers;
  readonly right: ChangeRight;
}

export function ModelRow(props: ModelRowProps): VNode {
  const { model, offers } = props;
  const { api, changes } = offers.controls;
  const { name, state, aliases, reason } = model;
  const isOperators = offers.onUse === undefined;
  const change = changes.ofModels.value.get(name);
  return (
    <ModelItem
      title={name}
      data-model={name}
      data-state={state}
      badges={
        <>
          <ModelState state={state} />
          {isOperators && model.default && <span class="badge">default</span>}
          {offers.chosen === name && <span class="badge">in use</span>}
        </>
      }
      buttons={<Buttons {...props} />}
      facts={factWords(model)}
    >
      <span class="visually-hidden" role="status">{`${name} is ${stateWord(state)}.`}</span>
      {aliases.length > 0 && <p class="small muted anywhere">{`Also called ${aliases.join(", ")}`}</p>}
      {isOperators && <Details {...props} />}
      {reason !== undefined && <p class={state === "failed" ? "notice bad anywhere" : "notice anywhere"}>{reason}</p>}
      {change?.progress === undefined && <StageProgress model={model} />}
      {change !== undefined && <ChangeLine api={api} change={change} onDismiss={changes.dismiss} />}
    </ModelItem>
  );
}

/** What only an operator needs, with other files that are served under the model's name. */
function Details({ model, offers: { controls }, right }: ModelRowProps): VNode {
  const { memory, replacing, leaving = 0 } = model;
  const now = useNow(model.expires_at !== undefined) + controls.list.clockOffsetMs.value;
  return (
    <>
      <p class="small muted anywhere">{fileWords(model)}</p>
      {memory !== undefined && <p class="small muted numbers">{memoryWords(memory)}</p>}
      <p class="small muted numbers">{workWords(model, right === "elsewhere" ? undefined : now)}</p>
      {replacing !== undefined && (
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

function Buttons({ model, offers: { controls, chosen, onUse }, right }: ModelRowProps): VNode {
  const { changes, list } = controls;
  const { name, state, pinned, deletable, kind } = model;
  const dialog = useSignal<"none" | "swap" | "delete">("none");
  const close = (): void => void (dialog.value = "none");
  const disabled = changes.full.value || changes.ofModels.value.get(name)?.state === "running";
  const action = (label: string, onClick: () => void, pressed?: boolean): VNode => (
    <Button {...{ label, disabled, onClick }} aria-pressed={pressed} aria-label={`${label} ${name}`} />
  );
  const mayChange = right === "yes";
  // Using another model also loads it.
  const loadable = (state === "unloaded" || state === "failed") && (onUse === undefined || name === chosen);
  const usable = name !== chosen && (kind === undefined || kind === "generate");
  return (
    <>
      {mayChange && loadable && action("Load", () => changes.load(name))}
      {onUse !== undefined && usable && (
        <Button label="Use" kind="tiny primary" aria-label={`Use ${name}`} onClick={() => onUse(name)} />
      )}
      {mayChange && onUse === undefined && (
        <>
          {state === "ready" && !pinned && action("Unload", () => changes.unload(name))}
          {action("Pin", () => changes.pin(name, !pinned), pinned)}
          {action("Swap", () => (dialog.value = "swap"))}
          {deletable && action("Delete", () => (dialog.value = "delete"))}
        </>
      )}
      {dialog.value === "swap" && (
        <SwapDialog
          model={model}
          others={(list.statuses.value?.models ?? []).map((one) => one.name).filter((other) => other !== name)}
          onSwap={(reference, unloadFirst) => changes.swap(name, reference, unloadFirst)}
          onClose={close}
        />
      )}
      {dialog.value === "delete" && (
        <DeleteDialog model={model} onDelete={() => changes.remove(name)} onClose={close} />
      )}
    </>
  );
}
