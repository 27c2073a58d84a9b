// Owns the worker's status page: its identity, its current work, and charts of the last hour.
import type { VNode } from "preact";
import { ModelsPanel } from "../models/models-panel.tsx";
import { TopBar } from "../parts/brand.tsx";
import { useNow } from "../parts/countdown.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import { EndedJobs } from "./ended-jobs.tsx";
import { JobTable } from "./job-table.tsx";
import { LogView } from "./log-view.tsx";
import { Charts } from "./charts.tsx";
import { SlotTable } from "./slot-table.tsx";
import type { WorkerWatch } from "./watch-worker.ts";
import { About, EnginesCard, MemoryCard, QueueCard } from "./worker-cards.tsx";
import { formatDuration, formatTime } from "../parts/format.ts";

export function StatusPage({ api, watch }: { readonly api: Api; readonly watch: WorkerWatch }): VNode {
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
          {info !== undefined && <About watch={watch} info={info} />}
          {scrape !== undefined && info !== undefined && (
            <div class="cards">
              <QueueCard scrape={scrape} />
              <MemoryCard scrape={scrape} gateway={gateway} />
            </div>
          )}
          <JobTable watch={watch} />
          <EndedJobs watch={watch} />
          {info !== undefined && <SlotTable watch={watch} />}
          {scrape !== undefined && info !== undefined && <Charts watch={watch} gateway={gateway} />}
          {scrape !== undefined && info !== undefined && !gateway && <EnginesCard scrape={scrape} info={info} />}
          <ModelsPanel api={api} list={watch.models} />
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
