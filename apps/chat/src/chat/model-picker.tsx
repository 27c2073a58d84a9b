// Owns choosing the model that answers, where the worker has several: each with its other names, what it can do, and how it is.
import type { ModelStatus } from "@waggle/protocol";
import type { VNode } from "preact";
import { abilityWords } from "../models/model-words.ts";
import { ModelState, stateWord } from "../parts/model-state.tsx";
import { percent } from "../parts/percent.ts";
import { canChat } from "./model-choice.ts";
import type { ModelChoice } from "./model-choice.ts";

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
        {chosen === undefined && <option value="">No model that chats</option>}
        {models.filter(canChat).map((model) => (
          <Choice key={model.name} model={model} />
        ))}
        {others.length > 0 && (
          <optgroup label="Not for chatting">
            {others.map((model) => (
              <Choice key={model.name} model={model} />
            ))}
          </optgroup>
        )}
      </select>
      {/* That one is not loaded is no reason to hesitate: it is when somebody asks. */}
      <span class="row" aria-live="polite">
        {chosen !== undefined && chosen.state !== "ready" && chosen.state !== "unloaded" && (
          <span class="row" title={chosen.reason}>
            <ModelState state={chosen.state} />
            {chosen.progress !== undefined && <span class="small muted numbers">{percent(chosen.progress)}</span>}
          </span>
        )}
      </span>
    </>
  );
}

/** The list shows all of it; once it is chosen there is room for its beginning, which is the name. */
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
