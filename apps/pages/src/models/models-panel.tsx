// Owns the panel of a worker's models: their shared memory, a row for each model, unfinished downloads, and a search for models.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { useNow } from "../parts/countdown.tsx";
import type { Api } from "../wire/api.ts";
import { stateChanges, statesOf, type StatesByName } from "./announce.ts";
import { createChanges } from "./changes/changes.ts";
import { createDownloads } from "./downloads/downloads.ts";
import { UnfinishedDownloads } from "./downloads/unfinished-downloads.tsx";
import { HubFinder } from "./hub/hub-finder.tsx";
import { offersOf } from "./model-controls.ts";
import { Budget } from "./memory-bar.tsx";
import type { ModelList } from "./model-list.ts";
import { canChange, elsewhereWords } from "./model-words.ts";
import { ModelRow } from "./model-row.tsx";
import "./models.css";

export function ModelsPanel({ api, list }: { readonly api: Api; readonly list: ModelList }): VNode | null {
  const changes = useMemo(() => createChanges({ api, onChanged: () => void list.refresh() }), [api, list]);
  const downloads = useMemo(() => createDownloads(api, () => void list.refresh()), [api, list]);
  useEffect(() => void downloads.refresh(), [downloads]);
  const statuses = list.statuses.value;
  const models = statuses?.models ?? [];
  const counting = models.some(({ expires_at }) => expires_at !== undefined);
  const now = useNow(counting) + list.clockOffsetMs.value;
  const spoken = useStateChanges(statuses === undefined ? undefined : statesOf(models));
  if (statuses === undefined) return null;

  const changeable = canChange(statuses);
  const offers = offersOf({ api, list, downloads });
  const names = models.map(({ name }) => name);
  const scaleBytes = Math.max(...models.map(({ memory }) => memory?.total ?? 0));
  return (
    <section class="card" aria-labelledby="models-title">
      <div class="spread">
        <h2 id="models-title">Models</h2>
        <span class="small muted numbers">
          {`${models.filter(({ state }) => state === "ready").length} of ${models.length} loaded`}
        </span>
      </div>
      <Budget statuses={statuses} />
      <p class="small result" role="status">
        {[downloads.result.value, changes.result.value].filter((words) => words !== "").join(" ")}
      </p>
      <p class="visually-hidden" role="status">
        {spoken}
      </p>
      <ul class="models">
        {models.map((model) => (
          <ModelRow
            key={model.name}
            {...{ api, model, changes, changeable, scaleBytes, now }}
            change={changes.ofModels.value.get(model.name)}
            others={names.filter((name) => name !== model.name)}
          />
        ))}
      </ul>
      {changeable ? (
        <>
          <UnfinishedDownloads offers={offers} />
          <details class="find-models">
            <summary class="small">Find or download a model</summary>
            <HubFinder offers={offers} />
          </details>
        </>
      ) : (
        <p class="small muted">{elsewhereWords}</p>
      )}
    </section>
  );
}

/** The last announcement; the first list announces nothing. */
function useStateChanges(states: StatesByName | undefined): string {
  const before = useRef<StatesByName>(undefined);
  const spoken = useSignal("");
  useEffect(() => {
    if (states === undefined) return;
    const words = before.current === undefined ? "" : stateChanges(before.current, states);
    before.current = states;
    if (words !== "") spoken.value = words;
  });
  return spoken.value;
}
