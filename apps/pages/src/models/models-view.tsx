// Owns the models of a server, as the chat's dialog and the status page show them: for a conversation the recommended ones, then those of the server, then a
// search for others.
import type { VNode } from "preact";
import { AdminTokenButton } from "./changes/change-line.tsx";
import { useChangeRight } from "./changes/change-rights.ts";
import type { Offers } from "./downloads/offer-row.tsx";
import { UnfinishedDownloads } from "./downloads/unfinished-downloads.tsx";
import { HubFinder } from "./hub/hub-finder.tsx";
import { ModelRow } from "./model-row.tsx";
import "./models.css";
import { RecommendedModels } from "./recommended/recommended-models.tsx";

export function ModelsView(offers: Offers): VNode {
  const { api, changes, downloads, list } = offers.controls;
  const right = useChangeRight(offers.controls);
  const models = list.statuses.value?.models ?? [];
  return (
    <div class="stack models-view">
      <p class="small result" role="status">
        {[downloads.result.value, changes.result.value].filter((words) => words !== "").join(" ")}
      </p>
      {right === "yes" && offers.onUse !== undefined && (
        <section aria-labelledby="recommended-title">
          <h3 id="recommended-title">Recommended for this machine</h3>
          <RecommendedModels offers={offers} />
        </section>
      )}
      <section aria-labelledby="here-title">
        <h3 id="here-title">On this server</h3>
        {right === "yes" && <UnfinishedDownloads offers={offers} />}
        <ul class="models">
          {models.map((model) => (
            <ModelRow key={model.name} {...{ model, offers, right }} />
          ))}
        </ul>
        {models.length === 0 && <p class="small muted">No model yet.</p>}
      </section>
      {right === "yes" &&
        (offers.onUse === undefined ? (
          <details class="find-models">
            <summary class="small">Find or download a model</summary>
            <HubFinder offers={offers} />
          </details>
        ) : (
          <HubFinder offers={offers} />
        ))}
      {right === "elsewhere" && <p class="small muted">This is a gateway: load and download models at its workers.</p>}
      {right === "token" && (
        <div class="spread small">
          <p class="muted">Loading and downloading models requires an admin token.</p>
          <AdminTokenButton api={api} />
        </div>
      )}
    </div>
  );
}
