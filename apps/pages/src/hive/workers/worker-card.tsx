// Owns a worker's card on the hive's page.
import { workerStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { Facts, type Fact } from "../../parts/facts.tsx";
import { ModelState } from "../../parts/model-state.tsx";
import type { Api } from "../../wire/api.ts";
import type { Sample, WorkerView } from "../state/hive-view.ts";
import { Sparkline } from "./sparkline.tsx";
import { lastSeen, livenessBadges } from "../words.ts";
import { WorkerActions } from "./worker-actions.tsx";
import { figuresOf } from "../state/worker-figures.ts";
import { PageLink } from "./worker-links.tsx";
import { formatBytes, formatFigure, formatMilliseconds, formatShare } from "../../parts/format.ts";

/** Above this number, slots are shown only as a number. */
const cellsLimit = 32;

export interface WorkerProps {
  readonly api: Api;
  readonly view: WorkerView;
  /** The hive's clock, milliseconds since 1970. */
  readonly hiveNow: number;
}

export function WorkerCard({ api, view, hiveNow }: WorkerProps): VNode {
  const { worker } = view;
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
      {isGone ? <p class="small">Last seen {lastSeen(worker, hiveNow)}.</p> : <Work view={view} hiveNow={hiveNow} />}
      <div class="row actions">
        {!isGone && <PageLink page="Chat" of={worker.worker_id} url={worker.url} />}
        {!isGone && <PageLink page="Status" of={worker.worker_id} url={worker.url} />}
        <WorkerActions api={api} worker={worker} />
      </div>
    </li>
  );
}

function Work({ view, hiveNow }: Pick<WorkerProps, "view" | "hiveNow">): VNode {
  const { worker, samples } = view;
  return (
    <>
      <Models models={worker.models ?? []} />
      <Slots busy={worker.slots.busy} total={worker.slots.total} />
      <Facts facts={factsOf(view, hiveNow)} />
      <History samples={samples} slots={worker.slots.total} />
    </>
  );
}

function factsOf(view: WorkerView, hiveNow: number): readonly Fact[] {
  const { worker, tokensPerSecond } = view;
  const { ttftP95, itlP95, errors, restarts, cpu, memory, gpu } = figuresOf(view);
  const load: readonly Fact[] = [
    ["First token, p95", formatMilliseconds(ttftP95)],
    ["Between tokens, p95", formatMilliseconds(itlP95)],
    ["Errors", formatFigure(errors)],
    ["Engine restarts", formatFigure(restarts)],
    ["CPU", formatShare(cpu)],
    ["Memory", memory === undefined ? undefined : formatBytes(memory)],
  ];
  return [
    ["State", workerStateWords[worker.state]],
    ["Queue", `${worker.queue.depth} of ${worker.queue.capacity}`],
    ["Tokens/s", formatFigure(tokensPerSecond)],
    ...(worker.last_heartbeat?.load === undefined ? [] : load),
    ...(gpu === undefined
      ? []
      : [[gpu.name, `${formatBytes(gpu.used_bytes)} of ${formatBytes(gpu.total_bytes)}`] as const]),
    ["Last heartbeat", lastSeen(worker, hiveNow)],
  ];
}

/** Shown for a worker with several models. */
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

/** Heartbeats in the sparkline. */
const historyLength = 90;

function History({ samples, slots }: { readonly samples: readonly Sample[]; readonly slots: number }): VNode {
  const last = samples.slice(-historyLength);
  const rates = last.map(({ tokensPerSecond }) => tokensPerSecond).filter((rate) => rate !== undefined);
  return (
    <div class="history">
      <Sparkline values={last.map(({ busy }) => busy)} atLeast={slots} label="Busy slots" />
      {rates.length > 0 && <Sparkline values={rates} atLeast={1} label="Tokens/s" />}
    </div>
  );
}
