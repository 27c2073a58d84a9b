// Owns the hive's page: totals, workers, charts and events, and a second view with the faults for testing.
import { signal, useSignal } from "@preact/signals";
import type { LivenessState } from "@waggle/protocol";
import type { VNode } from "preact";
import { Alert } from "../parts/alert.tsx";
import { TopBar } from "../parts/brand.tsx";
import { useNow } from "../parts/countdown.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import { lastingStorage, storeItem } from "../wire/browser-storage.ts";
import { Charts } from "./charts.tsx";
import { Choice } from "./choice.tsx";
import { Clients } from "./clients.tsx";
import { Events } from "./events.tsx";
import { Faults } from "./faults.tsx";
import { Gateways } from "./gateways.tsx";
import type { HiveFeed } from "./state/hive-feed.ts";
import type { WorkerView } from "./state/hive-view.ts";
import { Totals } from "./totals.tsx";
import { WorkerCard } from "./workers/worker-card.tsx";
import { WorkerTable } from "./workers/worker-table.tsx";
import { totalsOf } from "./state/worker-figures.ts";

/** Above this number, the cards of offline workers are collapsed, because so many cards would separate the online workers from the charts. */
const goneCardsLimit = 6;
const order: Readonly<Record<LivenessState, number>> = { alive: 0, stale: 1, gone: 2 };

const views = ["Workers", "Faults"] as const;
const shapes = ["Cards", "Table"] as const;
/** This browser stores whether workers are shown as cards or as a table. */
const shapeKey = "waggle.hive.workers";
const shape = signal(shapes.find((name) => name === lastingStorage.getItem(shapeKey)) ?? "Cards");
const showAs = (name: typeof shape.value): unknown => storeItem(lastingStorage, shapeKey, (shape.value = name));

interface PageProps {
  readonly api: Api;
  readonly feed: HiveFeed;
}

export function HivePage({ api, feed }: PageProps): VNode {
  const view = useSignal<(typeof views)[number]>("Workers");
  const { faults } = feed.view.value;
  const open = faults ? view.value : "Workers";
  return (
    <>
      <TopBar api={api} title="Waggle hive" href="/">
        {faults && <Choice label="View" options={views} chosen={open} onChoose={(name) => (view.value = name)} />}
      </TopBar>
      <main>
        <h1 class="visually-hidden">Hive</h1>
        <div class="board">
          <Notices api={api} feed={feed} />
          {open === "Faults" ? <Faults api={api} /> : <Overview api={api} feed={feed} />}
        </div>
      </main>
      <TokenDialog api={api} />
    </>
  );
}

function Notices({ api, feed }: PageProps): VNode {
  const refusal = feed.refusal.value;
  return (
    <>
      <TokenNotice api={api} />
      {refusal?.code !== "unauthenticated" && <Alert text={refusal?.message} />}
      {feed.connection.value === "lost" && refusal === undefined && (
        <Alert text="The hive does not answer; showing the last data. Reconnecting…" />
      )}
      {feed.view.value.fleet?.connected === false && (
        <Alert text="The hive has no connection to NATS; the data of the fleet is old." />
      )}
    </>
  );
}

function Overview({ api, feed }: PageProps): VNode {
  const { workers, fleet, timeline, clockOffsetMs } = feed.view.value;
  const hiveNow = useNow() + clockOffsetMs;
  const sorted = [...workers.values()].toSorted(
    (a, b) =>
      order[a.worker.liveness] - order[b.worker.liveness] || a.worker.worker_id.localeCompare(b.worker.worker_id),
  );
  return (
    <>
      {sorted.length > 0 && <Totals totals={totalsOf(sorted, fleet?.gateways)} />}
      <section aria-labelledby="workers-title" class="stack">
        <div class="spread wrap">
          <h2 id="workers-title">Workers</h2>
          {sorted.length > 0 && (
            <Choice label="Show workers as" options={shapes} chosen={shape.value} onChoose={showAs} />
          )}
        </div>
        {sorted.length === 0 && feed.connection.value === "open" && <NoWorkers />}
        <Workers api={api} workers={sorted} hiveNow={hiveNow} />
        {sorted.some(({ worker }) => worker.liveness === "gone") && (
          <p class="small muted">Offline workers stay listed for a day unless you remove them.</p>
        )}
      </section>
      {sorted.length > 0 && <Charts api={api} workers={sorted} fleet={fleet !== undefined} />}
      {fleet !== undefined && <Gateways gateways={fleet.gateways} hiveNow={hiveNow} />}
      <div class="below">
        <Events entries={timeline} />
        {sorted.length > 0 && <Clients workers={sorted} />}
      </div>
    </>
  );
}

interface WorkersProps {
  readonly api: Api;
  readonly workers: readonly WorkerView[];
  readonly hiveNow: number;
}

function Workers(props: WorkersProps): VNode | null {
  if (props.workers.length === 0) return null;
  if (shape.value === "Table") return <WorkerTable {...props} />;
  const gone = props.workers.filter(({ worker }) => worker.liveness === "gone");
  if (gone.length <= goneCardsLimit) return <Cards {...props} />;
  return (
    <>
      <Cards {...props} workers={props.workers.filter(({ worker }) => worker.liveness !== "gone")} />
      <details class="gone-workers">
        <summary>{gone.length} workers are offline</summary>
        <Cards {...props} workers={gone} />
      </details>
    </>
  );
}

function Cards({ api, workers, hiveNow }: WorkersProps): VNode {
  return (
    <ul class="workers">
      {workers.map((view) => (
        <WorkerCard key={view.worker.worker_id} api={api} view={view} hiveNow={hiveNow} />
      ))}
    </ul>
  );
}

function NoWorkers(): VNode {
  return (
    <div class="card">
      <p>No workers. Start one with the address of this hive:</p>
      <pre class="mono small command">{`waggle-worker --port 0 --hive-url ${location.origin}`}</pre>
      <p class="small muted">
        If this hive requires a token, set WAGGLE_HIVE_TOKEN or --hive-token-file at the worker.
      </p>
    </div>
  );
}
