// Owns the worker's status page: what is wrong, charts of the shown time, its work, and what happened.
import type { VNode } from "preact";
import { useMemo } from "preact/hooks";
import { Budget } from "../models/memory-bar.tsx";
import { createModelControls, type ModelControls } from "../models/model-controls.ts";
import { ModelsView } from "../models/models-view.tsx";
import { TopBar } from "../parts/brand.tsx";
import { useNow } from "../parts/countdown.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import { formatDuration, formatTime } from "../parts/format.ts";
import { Charts } from "./charts/charts.tsx";
import { EnginesCard } from "./engines-card.tsx";
import { EndedJobs } from "./jobs/ended-jobs.tsx";
import { JobTable } from "./jobs/job-table.tsx";
import { LogView } from "./log/log-view.tsx";
import { WhatHappened } from "./log/what-happened.tsx";
import { SlotTable } from "./slot-table.tsx";
import { Summary } from "./summary.tsx";
import type { WorkerWatch } from "./watch-worker.ts";

export function StatusPage({ api, watch }: { readonly api: Api; readonly watch: WorkerWatch }): VNode {
  const controls = useMemo(
    () => createModelControls(api, watch.models, () => void watch.models.refresh()),
    [api, watch],
  );
  const info = watch.info.value;
  const scrape = watch.scrape.value;
  const offline = watch.presence.value === "offline";
  // A gateway has no engines: its workers report their steps and memory.
  const gateway = info?.gateway === true;
  return (
    <>
      <TopBar api={api} title="Waggle status" href="/status" links={{ Chat: "/", API: "/reference" }} />
      <main class="board" data-presence={watch.presence.value}>
        <TokenNotice api={api} />
        {offline && <Offline lastSeenAt={watch.lastSeenAt.value} />}
        {watch.presence.value === "asking" && <p class="muted small">Connecting to the worker…</p>}
        <fieldset class="plain" disabled={offline}>
          {info !== undefined && <Summary {...{ api, watch, info }} changes={controls.changes} />}
          {scrape !== undefined && info !== undefined && <Charts watch={watch} gateway={gateway} />}
          <JobTable watch={watch} />
          <EndedJobs watch={watch} />
          {info !== undefined && <WhatHappened watch={watch} />}
          <ModelsPanel controls={controls} />
          {info !== undefined && !gateway && (
            <div class="cards">
              <SlotTable watch={watch} />
              {scrape !== undefined && <EnginesCard scrape={scrape} info={info} />}
            </div>
          )}
        </fieldset>
        {info !== undefined && <LogView watch={watch} />}
      </main>
      <TokenDialog api={api} />
    </>
  );
}

function Offline({ lastSeenAt }: { readonly lastSeenAt: number | undefined }): VNode {
  const now = useNow();
  return (
    <div class="notice bad" role="alert">
      <strong>Offline.</strong>{" "}
      {lastSeenAt === undefined
        ? "The worker does not answer."
        : `Disconnected since ${formatTime(lastSeenAt)}; showing the last data.`}{" "}
      <span aria-live="off">
        {lastSeenAt === undefined ? "Reconnecting…" : `That was ${formatDuration(now - lastSeenAt)} ago. Reconnecting…`}
      </span>
    </div>
  );
}

function ModelsPanel({ controls }: { readonly controls: ModelControls }): VNode | null {
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
