// Owns the hive's page: the workers with their states, and the gateways of a fleet.
import type { HiveGateway, HiveWorker, LivenessState } from "@waggle/protocol";
import type { VNode } from "preact";
import { Alert } from "../parts/alert.tsx";
import { TopBar } from "../parts/brand.tsx";
import { useNow } from "../parts/countdown.tsx";
import { TokenDialog, TokenNotice } from "../parts/token-dialog.tsx";
import type { Api } from "../wire/api.ts";
import type { HiveFeed } from "./state/hive-feed.ts";
import { ago, livenessBadges } from "./words.ts";
import { WorkerCard } from "./workers/worker-card.tsx";
import { PageLink } from "./workers/worker-links.tsx";

/** Above this number, the cards of offline workers are collapsed, because so many cards would hide the gateways. */
const goneCardsLimit = 6;
const order: Readonly<Record<LivenessState, number>> = { alive: 0, stale: 1, gone: 2 };

interface PageProps {
  readonly api: Api;
  readonly feed: HiveFeed;
}

export function HivePage({ api, feed }: PageProps): VNode {
  return (
    <>
      <TopBar api={api} title="Waggle hive" href="/" />
      <main>
        <h1 class="visually-hidden">Hive</h1>
        <div class="board">
          <Notices api={api} feed={feed} />
          <Members api={api} feed={feed} />
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

function Members({ api, feed }: PageProps): VNode {
  const { workers, fleet, clockOffsetMs } = feed.view.value;
  const hiveNow = useNow() + clockOffsetMs;
  const sorted = [...workers.values()].toSorted(
    (a, b) => order[a.liveness] - order[b.liveness] || a.worker_id.localeCompare(b.worker_id),
  );
  return (
    <>
      <section aria-labelledby="workers-title" class="stack">
        <div class="spread wrap">
          <h2 id="workers-title">Workers</h2>
          <span class="small muted numbers">{countsOf(sorted)}</span>
        </div>
        {sorted.length === 0 && feed.connection.value === "open" && <NoWorkers />}
        <Workers api={api} workers={sorted} hiveNow={hiveNow} />
        {sorted.some(({ liveness }) => liveness === "gone") && (
          <p class="small muted">Offline workers stay listed for a day unless you remove them.</p>
        )}
      </section>
      {fleet !== undefined && <Gateways gateways={fleet.gateways} hiveNow={hiveNow} />}
    </>
  );
}

/** For example "3 online, 1 late". */
function countsOf(workers: readonly HiveWorker[]): string {
  const counts = (Object.keys(order) as LivenessState[]).map(
    (state) => [workers.filter(({ liveness }) => liveness === state).length, livenessBadges[state].word] as const,
  );
  return counts.flatMap(([count, word]) => (count === 0 ? [] : `${count} ${word}`)).join(", ");
}

interface WorkersProps {
  readonly api: Api;
  readonly workers: readonly HiveWorker[];
  readonly hiveNow: number;
}

function Workers(props: WorkersProps): VNode | null {
  if (props.workers.length === 0) return null;
  const gone = props.workers.filter(({ liveness }) => liveness === "gone");
  if (gone.length <= goneCardsLimit) return <Cards {...props} />;
  return (
    <>
      <Cards {...props} workers={props.workers.filter(({ liveness }) => liveness !== "gone")} />
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
      {workers.map((worker) => (
        <WorkerCard key={worker.worker_id} api={api} worker={worker} hiveNow={hiveNow} />
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

/** @param hiveNow the hive's clock, milliseconds since 1970 */
function Gateways(props: { readonly gateways: readonly HiveGateway[]; readonly hiveNow: number }): VNode {
  return (
    <section class="card" aria-labelledby="gateways-title">
      <h2 id="gateways-title">Gateways</h2>
      {props.gateways.length === 0 && <p class="muted small">No gateways.</p>}
      <ul class="gateways">
        {props.gateways.map(({ gateway_id: id, url, jobs, waiting = 0, started_at: startedAt }) => (
          <li key={id} data-gateway={id}>
            <span class="who">{id}</span>
            <span class="small numbers">
              {jobs === 1 ? "1 job" : `${jobs} jobs`}
              {waiting > 0 && `, ${waiting} waiting`}
            </span>
            <span class="small muted numbers">started {ago(props.hiveNow - Date.parse(startedAt))}</span>
            <PageLink page="Chat" of={id} url={url} />
          </li>
        ))}
      </ul>
    </section>
  );
}
