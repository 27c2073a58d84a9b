// Owns the status page's panel of a server's models, with the memory that they share.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import type { Api } from "../wire/api.ts";
import { Budget } from "./memory-bar.tsx";
import { createModelControls } from "./model-controls.ts";
import type { ModelList } from "./model-list.ts";
import { ModelsView } from "./models-view.tsx";

export function ModelsPanel({ api, list }: { readonly api: Api; readonly list: ModelList }): VNode | null {
  const controls = useMemo(() => createModelControls(api, list, () => void list.refresh()), [api, list]);
  const statuses = list.statuses.value;
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
