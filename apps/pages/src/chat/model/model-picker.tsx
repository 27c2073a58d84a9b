// Owns the list from which a visitor chooses the model, at a worker with several models.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { abilityWords } from "../../models/model-words.ts";
import { ModelState, stateWord } from "../../parts/model-state.tsx";
import { canChat } from "./model-choice.ts";
import type { ModelChoice } from "./model-choice.ts";
import { formatPercent } from "../../parts/format.ts";

export interface ModelPickerProps {
  readonly choice: ModelChoice;
  readonly wanted: string | undefined;
  readonly onChoose: (model: string) => void;
}

export function ModelPicker({ choice, wanted, onChoose }: ModelPickerProps): VNode {
  const models = choice.models.value;
  const chosen = choice.chosen(wanted);
  const others = models.filter((model) => !canChat(model));
  return (
    <>
      <select
        class="choice model-name"
        aria-label="Model"
        title={chosen?.name}
        value={chosen?.name ?? ""}
        onFocus={choice.refresh}
        onChange={(event) => onChoose(event.currentTarget.value)}
      >
        {chosen === undefined && <option value="">No chat model</option>}
        {models.filter(canChat).map((model) => (
          <Choice key={model.name} model={model} />
        ))}
        {others.length > 0 && (
          <optgroup label="Not for chat">
            {others.map((model) => (
              <Choice key={model.name} model={model} />
            ))}
          </optgroup>
        )}
      </select>
      {/* No badge for a model that is not loaded: the first job loads it. */}
      <span class="row" aria-live="polite">
        {chosen !== undefined && chosen.state !== "ready" && chosen.state !== "unloaded" && (
          <span class="row" title={chosen.reason}>
            <ModelState state={chosen.state} />
            {chosen.progress !== undefined && <span class="small muted numbers">{formatPercent(chosen.progress)}</span>}
          </span>
        )}
      </span>
    </>
  );
}

/** The label begins with the name, because the closed list has room only for the label's beginning. */
function Choice({ model }: { readonly model: ModelStatus }): VNode {
  const { name, aliases, state } = model;
  const words = [
    aliases.length === 0 ? name : `${name} (${aliases.join(", ")})`,
    stateWord(state),
    ...abilityWords(model),
  ];
  return (
    <option value={name} disabled={!canChat(model)}>
      {words.join(" · ")}
    </option>
  );
}
