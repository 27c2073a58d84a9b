// Owns the content of the page while the server has no model that writes: recommended models to download, and no invitation to talk.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { UnfinishedDownloads } from "../../models/downloads/unfinished-downloads.tsx";
import { offersOf, type ModelControls } from "../../models/model-controls.ts";
import { canChange } from "../../models/model-words.ts";
import "../../models/models.css";
import { RecommendedModels } from "../../models/recommended/recommended-models.tsx";

export interface NoModelProps {
  readonly controls: ModelControls;
  readonly onUse: (model: string) => void;
}

export function NoModel({ controls, onUse }: NoModelProps): VNode {
  const { api, downloads, list, rights, open } = controls;
  const statuses = list.statuses.value;
  const isGateway = statuses !== undefined && !canChange(statuses);
  const mayChange = !isGateway && rights.mayChange.value;
  const which = statuses?.models.length === 0 ? "no model" : "no chat model";
  useEffect(() => void rights.refresh(), [rights, api.tokenAsked.value]);
  useEffect(() => void downloads.refresh(), [downloads]);
  const offers = offersOf(controls, { onUse });
  return (
    <section class="welcome no-model" aria-labelledby="welcome-title">
      <h2 id="welcome-title">{`This server has ${which} yet`}</h2>
      {isGateway ? (
        <p class="muted">It is a gateway: download a model at one of its workers.</p>
      ) : mayChange ? (
        <>
          <p class="muted">A model writes the answers. Download one that suits this machine:</p>
          <div class="no-model-list" hidden={open.value}>
            <h3 class="visually-hidden">Recommended for this machine</h3>
            <RecommendedModels offers={offers} />
            <UnfinishedDownloads offers={offers} />
          </div>
          <button type="button" class="button" onClick={() => (open.value = true)}>
            Find another model
          </button>
        </>
      ) : (
        <>
          <p class="muted">Downloading a model requires an admin token.</p>
          <button type="button" class="button" onClick={() => (api.tokenAsked.value = "admin")}>
            Enter an admin token
          </button>
        </>
      )}
    </section>
  );
}
