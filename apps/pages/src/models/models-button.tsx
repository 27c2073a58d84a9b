// Owns the button that opens the models dialog, with a summary of changes while the dialog is closed.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { Icon } from "../parts/icons.tsx";
import { summaryOf } from "./model-controls.ts";
import type { ModelControls } from "./model-controls.ts";
import { ModelsDialog } from "./models-dialog.tsx";

export interface ModelsButtonProps {
  readonly controls: ModelControls;
  /** The model of this conversation. */
  readonly chosen: string | undefined;
  readonly onChoose: (model: string) => void;
}

export function ModelsButton({ controls, chosen, onChoose }: ModelsButtonProps): VNode | null {
  const open = useSignal(false);
  const { changes, list } = controls;
  const summary = summaryOf([...changes.pulls.value.values(), ...changes.ofModels.value.values()]);
  if (list.statuses.value === undefined) return null;
  return (
    <>
      <button
        type="button"
        class={`button tiny quiet models-button ${summary?.state ?? ""}`}
        title="Load or download models"
        aria-label={summary === undefined ? "Models" : `Models: ${summary.words}`}
        onClick={() => (open.value = true)}
      >
        <Icon name="models" />
        {summary !== undefined && <span class="numbers">{summary.words}</span>}
      </button>
      <span class="visually-hidden" role="status">
        {!open.value && (summary?.spoken ?? changes.result.value)}
      </span>
      {open.value && <ModelsDialog {...{ controls, chosen, onChoose }} onClose={() => (open.value = false)} />}
    </>
  );
}
