// Owns a worker's card on the hive's page.
import type { HiveWorker } from "@waggle/protocol";
import { workerStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { Facts, type Fact } from "../../parts/facts.tsx";
import { ModelState } from "../../parts/model-state.tsx";
import type { Api } from "../../wire/api.ts";
import { lastSeen, livenessBadges } from "../words.ts";
import { WorkerActions } from "./worker-actions.tsx";
import { PageLink } from "./worker-links.tsx";
import { formatFigure } from "../../parts/format.ts";

/** Above this number, slots are shown only as a number. */
const cellsLimit = 32;

interface WorkerProps {
  readonly api: Api;
  readonly worker: HiveWorker;
  /** The hive's clock, milliseconds since 1970. */
  readonly hiveNow: number;
}

export function WorkerCard({ api, worker, hiveNow }: WorkerProps): VNode {
  const { word, badge, sign } = livenessBadges[worker.liveness];
  const isGone = worker.liveness === "gone";
  return (
    <li class="card worker" data-liveness={worker.liveness} data-worker={worker.worker_id}>
      <div class="spread">
        <h3 class="worker-id">{worker.worker_id}</h3>
        <span class={badge}>
          <span aria-hidden="true">{sign}</span> {word}
        </span>
      </div>
      <p class="small muted model-line">
        {worker.model}
        {worker.backend === "fake" && " (fake backend)"}
        {worker.source === "nats" && " · from NATS"}
      </p>
      {isGone ? (
        <p class="small">Last seen {lastSeen(worker, hiveNow)}.</p>
      ) : (
        <Work worker={worker} hiveNow={hiveNow} />
      )}
      <div class="row actions">
        {!isGone && <PageLink page="Chat" of={worker.worker_id} url={worker.url} />}
        {!isGone && <PageLink page="Status" of={worker.worker_id} url={worker.url} />}
        <WorkerActions api={api} worker={worker} />
      </div>
    </li>
  );
}

function Work({ worker, hiveNow }: Pick<WorkerProps, "worker" | "hiveNow">): VNode {
  const facts: readonly Fact[] = [
    ["State", workerStateWords[worker.state]],
    ["Queue", `${worker.queue.depth} of ${worker.queue.capacity}`],
    ["Tokens/s", formatFigure(worker.last_heartbeat?.tokens_per_second)],
    ["Last heartbeat", lastSeen(worker, hiveNow)],
  ];
  return (
    <>
      <Models models={worker.models ?? []} />
      <Slots busy={worker.slots.busy} total={worker.slots.total} />
      <Facts facts={facts} />
    </>
  );
}

/** Shown for a worker with several models. */
function Models({ models }: { readonly models: NonNullable<HiveWorker["models"]> }): VNode | null {
  if (models.length === 0) return null;
  return (
    <ul class="model-states small" aria-label="Models">
      {models.map(({ name, state }) => (
        <li class="spread" key={name}>
          <span class="model-name">{name}</span>
          <ModelState state={state} />
        </li>
      ))}
    </ul>
  );
}

function Slots({ busy, total }: { readonly busy: number; readonly total: number }): VNode {
  return (
    <div class="row">
      {total <= cellsLimit && (
        <span class="slot-cells" aria-hidden="true">
          {Array.from({ length: total }, (_, i) => (
            <span class={i < busy ? "slot-cell busy" : "slot-cell"} />
          ))}
        </span>
      )}
      <span class="small numbers">{`${busy} of ${total} slots busy`}</span>
    </div>
  );
}
