// Owns the hive's page: how many workers there are and how they are, a card for each, what happened, and the faults to test with.
import { useSignal } from "@preact/signals";
import type { LivenessState } from "@waggle/protocol";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Brand } from "../parts/brand.tsx";
import { ThemeSwitch } from "../parts/theme-switch.tsx";
import type { Api } from "../wire/api.ts";
import { Faults } from "./faults.tsx";
import { Gateways } from "./gateways.tsx";
import type { HiveFeed } from "./hive-feed.ts";
import type { WorkerView } from "./hive-view.ts";
import { Timeline } from "./timeline.tsx";
import { WorkerCard } from "./worker-card.tsx";

const tickMs = 1_000;
const order: Readonly<Record<LivenessState, number>> = { alive: 0, stale: 1, gone: 2 };

export function HivePage({ api, feed }: { readonly api: Api; readonly feed: HiveFeed }): VNode {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), tickMs);
    return () => clearInterval(timer);
  }, [now]);
  const { workers, fleet, faults, timeline, clockOffsetMs } = feed.view.value;
  const sorted = [...workers.values()].toSorted(
    (a, b) =>
      order[a.worker.liveness] - order[b.worker.liveness] || a.worker.worker_id.localeCompare(b.worker.worker_id),
  );
  return (
    <>
      <header class="topbar">
        <div class="grow">
          <Brand title="Waggle hive" href="/" />
        </div>
        <Counts workers={sorted} />
        <ThemeSwitch />
      </header>
      <main class="board">
        {feed.connection.value === "lost" && (
          <p class="notice bad" role="alert">
            The hive does not answer. Reconnecting…
          </p>
        )}
        {fleet?.connected === false && (
          <p class="notice bad" role="alert">
            NATS does not answer the hive. What it shows of the fleet is old.
          </p>
        )}
        <section aria-labelledby="workers-title" class="stack">
          <h2 id="workers-title">Workers</h2>
          {sorted.length === 0 && feed.connection.value === "open" && <NoWorkers />}
          <ul class="workers">
            {sorted.map((worker) => (
              <WorkerCard key={worker.worker.worker_id} view={worker} hiveNow={now.value + clockOffsetMs} />
            ))}
          </ul>
        </section>
        {fleet !== undefined && <Gateways gateways={fleet.gateways} hiveNow={now.value + clockOffsetMs} />}
        <div class="below">
          <Timeline entries={timeline} />
          {faults && <Faults api={api} />}
        </div>
      </main>
    </>
  );
}

function Counts({ workers }: { readonly workers: readonly WorkerView[] }): VNode {
  const count = (liveness: LivenessState): number =>
    workers.filter(({ worker }) => worker.liveness === liveness).length;
  const [alive, stale, gone] = [count("alive"), count("stale"), count("gone")];
  return (
    <p class="row" aria-live="polite">
      <span class="badge good">{alive} alive</span>
      {stale > 0 && <span class="badge warn">{stale} stale</span>}
      {gone > 0 && <span class="badge bad">{gone} gone</span>}
    </p>
  );
}

function NoWorkers(): VNode {
  return (
    <div class="card">
      <p>No worker has come yet. Start one and tell it where this hive is:</p>
      <pre class="mono small command">
        {`npx --yes pnpm@12.21.0 exec waggle-worker --local-mode --port 0 --hive-url ${location.origin}`}
      </pre>
    </div>
  );
}
