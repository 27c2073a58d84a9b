// Owns how one worker is shown to somebody who looks at all of them.
import type { LivenessState } from "@waggle/protocol";
import type { VNode } from "preact";
import { ModelState } from "../parts/model-state.tsx";
import { ago } from "./ago.ts";
import type { Sample, WorkerView } from "./hive-view.ts";
import { Sparkline } from "./sparkline.tsx";

const looks: Readonly<Record<LivenessState, { readonly badge: string; readonly sign: string }>> = {
  alive: { badge: "badge good", sign: "●" },
  stale: { badge: "badge warn", sign: "◐" },
  gone: { badge: "badge bad", sign: "○" },
};

/** More slots than this are told by their number alone. */
const cellsLimit = 32;

/** @param hiveNow the hive's clock, milliseconds since 1970 */
export function WorkerCard({ view, hiveNow }: { readonly view: WorkerView; readonly hiveNow: number }): VNode {
  const { worker, samples } = view;
  const { badge, sign } = looks[worker.liveness];
  return (
    <li class="card worker" data-liveness={worker.liveness} data-worker={worker.worker_id}>
      <div class="spread">
        <h3 class="worker-id">{worker.worker_id}</h3>
        <span class={badge}>
          <span aria-hidden="true">{sign}</span> {worker.liveness}
        </span>
      </div>
      <p class="small muted model-line">
        {worker.model}
        {worker.backend === "fake" && " (fake backend)"}
        {worker.source === "nats" && " · from NATS"}
      </p>
      <Models models={worker.models ?? []} />
      <Slots busy={worker.slots.busy} total={worker.slots.total} />
      <dl class="facts">
        <Fact name="State" value={worker.state} />
        <Fact name="Queue" value={`${worker.queue.depth} of ${worker.queue.capacity}`} />
        <Fact name="Tokens/s" value={view.tokensPerSecond === undefined ? "–" : view.tokensPerSecond.toFixed(0)} />
        <Fact name="Last heartbeat" value={ago(hiveNow - Date.parse(worker.last_seen_at))} />
      </dl>
      <History samples={samples} slots={worker.slots.total} />
      <Links url={worker.url} />
    </li>
  );
}

function Fact({ name, value }: { readonly name: string; readonly value: string }): VNode {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** Of a worker that has several. */
function Models({ models }: { readonly models: NonNullable<WorkerView["worker"]["models"]> }): VNode | null {
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
    <div class="slots-line">
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

function History({ samples, slots }: { readonly samples: readonly Sample[]; readonly slots: number }): VNode {
  const rates = samples.map(({ tokensPerSecond }) => tokensPerSecond).filter((rate) => rate !== undefined);
  return (
    <div class="history">
      <Sparkline values={samples.map(({ busy }) => busy)} atLeast={slots} label="Busy slots" />
      {rates.length > 0 && <Sparkline values={rates} atLeast={1} label="Tokens/s" />}
    </div>
  );
}

function Links({ url }: { readonly url: string }): VNode | null {
  // A worker names its own address, and only a web address becomes a link.
  if (!/^https?:\/\//i.test(url)) return null;
  return (
    <p class="row">
      <a class="button tiny" href={url} target="_blank" rel="noopener noreferrer">
        Chat
      </a>
      <a class="button tiny" href={new URL("/status", url).href} target="_blank" rel="noopener noreferrer">
        Status
      </a>
    </p>
  );
}
