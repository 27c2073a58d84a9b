// Owns the line with the model that answers and the worker's state.
import type { VNode } from "preact";
import type { ModelControls } from "../../models/model-controls.ts";
import { ModelsButton } from "../../models/models-button.tsx";
import { chooseModel, type ModelChoice } from "./model-choice.ts";
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
  const models = controls.list.statuses.value?.models;
  if (!about.reachable.value) return <span class="badge bad">offline: the worker does not answer</span>;
  if (info === undefined || models === undefined) return null;
  return (
    <div class="worker-line">
      <ModelsButton
        controls={controls}
        chosen={models.length === 1 ? models[0] : chooseModel(models, wanted)}
        onChoose={onChoose}
        onFocus={choice.refresh}
      />
      {info.backend === "fake" && <span class="badge warn">fake backend: no model</span>}
      {info.state === "draining" && <span class="badge warn">shutting down</span>}
    </div>
  );
}
