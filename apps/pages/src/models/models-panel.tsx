// Owns the status page's panel of a server's models, with the memory that they share.
import type { VNode } from "preact";
import { Budget } from "./memory-bar.tsx";
import type { ModelControls } from "./model-controls.ts";
import { ModelsView } from "./models-view.tsx";

export function ModelsPanel({ controls }: { readonly controls: ModelControls }): VNode | null {
  const statuses = controls.list.statuses.value;
  if (statuses === undefined) return null;
  const { models } = statuses;
  return (
    <section class="card" aria-labelledby="models-title">
      <div class="spread">
        <h2 id="models-title">Models</h2>
        <span class="small muted numbers">
          {`${models.filter(({ state }) => state === "ready").length} of ${models.length} loaded`}
        </span>
      </div>
      <Budget statuses={statuses} />
      <ModelsView controls={controls} />
    </section>
  );
}
