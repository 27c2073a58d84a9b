// Owns the button with the model that answers, its state, and what runs. It opens the dialog of models.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { deferred } from "./deferred.tsx";
import { formatPercent } from "../parts/format.ts";
import { Icon } from "../parts/icons.tsx";
import { ModelState, stateWord } from "../parts/model-state.tsx";
import { summaryOf, type ModelControls } from "./model-controls.ts";
import "./models-dialog.css";

export interface ModelsButtonProps {
  readonly controls: ModelControls;
  /** The model of this conversation. */
  readonly chosen: ModelStatus | undefined;
  readonly onChoose: (model: string) => void;
  readonly onFocus: () => void;
}

const ModelsDialog = deferred(async () => (await import("./models-dialog.tsx")).ModelsDialog);

/** Maximum number of characters at the end of a long name that stay visible when its middle is cut. */
const tailChars = 10;

export function ModelsButton({ controls, chosen, onChoose, onFocus }: ModelsButtonProps): VNode {
  const { changes, downloads, list, open } = controls;
  const summary = summaryOf([...changes.ofModels.value.values()], downloads.all.value, downloads.failed.value[0]);
  const name = chosen?.name ?? (list.statuses.value?.models.length === 0 ? "No model" : "No chat model");
  const label = [`Models: ${name}`, chosen && stateWord(chosen.state), summary?.words].filter(Boolean).join(", ");
  const cut = Math.max(0, name.length - tailChars);
  return (
    <>
      <button
        type="button"
        class={`button quiet models-button ${summary?.state ?? ""}`}
        title={[name, chosen?.reason].filter(Boolean).join(": ")}
        aria-haspopup="dialog"
        onFocus={onFocus}
        onClick={() => (open.value = true)}
      >
        <span class="visually-hidden">{label}</span>
        <span class="model-name" aria-hidden="true">
          <span>{name.slice(0, cut)}</span>
          <span>{name.slice(cut)}</span>
        </span>
        <span class="row model-state" aria-hidden="true">
          {summary !== undefined ? (
            <span class="badge warn numbers">{summary.words}</span>
          ) : (
            chosen !== undefined && (
              <>
                <ModelState state={chosen.state} />
                {chosen.progress !== undefined && <span class="small numbers">{formatPercent(chosen.progress)}</span>}
              </>
            )
          )}
        </span>
        <Icon name="expand" />
      </button>
      <span class="visually-hidden" role="status">
        {!open.value && (summary?.spoken ?? (downloads.result.value || changes.result.value))}
      </span>
      {open.value && (
        <ModelsDialog {...{ controls, onChoose }} chosen={chosen?.name} onClose={() => (open.value = false)} />
      )}
    </>
  );
}
