// Owns the line with the model that answers and the worker's state.
import type { VNode } from "preact";
import type { ModelControls } from "../../models/model-controls.ts";
import { ModelsButton } from "../../models/models-button.tsx";
import type { ModelChoice } from "./model-choice.ts";
import { ModelPicker } from "./model-picker.tsx";
import type { WorkerAbout } from "./worker-about.ts";

export interface WorkerBadgeProps {
  readonly about: WorkerAbout;
  readonly choice: ModelChoice;
  readonly controls: ModelControls;
  /** The model that this conversation has chosen. */
  readonly wanted: string | undefined;
  readonly onChoose: (model: string) => void;
}

export function WorkerBadge({ about, choice, controls, wanted, onChoose }: WorkerBadgeProps): VNode | null {
  const info = about.info.value;
  const several = choice.models.value.length > 0;
  if (!about.reachable.value) return <span class="badge bad">offline: the worker does not answer</span>;
  if (info === undefined) return null;
  return (
    <div class="worker-line">
      {several ? (
        <ModelPicker choice={choice} wanted={wanted} onChoose={onChoose} />
      ) : (
        <span class="model-name" title={info.model}>
          {info.model}
        </span>
      )}
      <ModelsButton
        controls={controls}
        chosen={several ? choice.chosen(wanted)?.name : controls.list.statuses.value?.models[0]?.name}
        onChoose={onChoose}
      />
      {info.backend === "fake" && <span class="badge warn">fake backend: no model</span>}
      {info.state === "failed" && <span class="badge bad">failed</span>}
      {!several && (info.state === "loading" || info.state === "starting") && (
        <span class="badge warn">loading the model…</span>
      )}
      {info.state === "draining" && <span class="badge warn">shutting down</span>}
    </div>
  );
}
