// Owns the content of the page while the server has no model that writes: recommended models to download, and no invitation to talk.
import type { VNode } from "preact";
import { Button } from "../../parts/icons.tsx";
import { useChangeRight } from "../../models/changes/change-rights.ts";
import { UnfinishedDownloads } from "../../models/downloads/unfinished-downloads.tsx";
import "../../models/models.css";
import { RecommendedModels } from "../../models/recommended/recommended-models.tsx";
import { usePage } from "../page.ts";

export function NoModel(): VNode {
  const { chooseModel, controls } = usePage();
  const { api, list, open } = controls;
  const right = useChangeRight(controls);
  const which = list.statuses.value?.models.length === 0 ? "no model" : "no chat model";
  const offers = { controls, onUse: chooseModel };
  return (
    <section class="welcome no-model" aria-labelledby="welcome-title">
      <h2 id="welcome-title">{`This server has ${which} yet`}</h2>
      {right === "elsewhere" ? (
        <p class="muted">It is a gateway: download a model at one of its workers.</p>
      ) : right === "yes" ? (
        <>
          <p class="muted">A model writes the answers. Download one that suits this machine:</p>
          <div class="no-model-list" hidden={open.value}>
            <h3 class="visually-hidden">Recommended for this machine</h3>
            <RecommendedModels offers={offers} />
            <UnfinishedDownloads offers={offers} />
          </div>
          <Button label="Find another model" kind="" onClick={() => (open.value = true)} />
        </>
      ) : (
        <>
          <p class="muted">Downloading a model requires an admin token.</p>
          <Button label="Enter an admin token" kind="" onClick={() => (api.tokenAsked.value = "admin")} />
        </>
      )}
    </section>
  );
}
