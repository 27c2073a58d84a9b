// Owns the table that compares many workers, with one row per worker.
import type { VNode } from "preact";
import type { Api } from "../../wire/api.ts";
import type { WorkerView } from "../state/hive-view.ts";
import type { WorkerProps } from "./worker-card.tsx";
import { lastSeen, livenessBadges } from "../words.ts";
import { WorkerActions } from "./worker-actions.tsx";
import { figuresOf } from "../state/worker-figures.ts";
import { PageLink } from "./worker-links.tsx";
import { formatBytes, formatFigure, formatMilliseconds, formatShare } from "../../parts/format.ts";

const columns = [
  "Slots",
  "Queue",
  "Tokens/s",
  "First token",
  "Between tokens",
  "Requests",
  "Errors",
  "Restarts",
  "CPU",
  "Memory",
] as const;
const gpuColumn = "GPU memory";

export interface WorkerTableProps {
  readonly api: Api;
  readonly workers: readonly WorkerView[];
  readonly hiveNow: number;
}

export function WorkerTable({ api, workers, hiveNow }: WorkerTableProps): VNode {
  const gpus = workers.some((view) => figuresOf(view).gpu !== undefined);
  return (
    <div class="card table-scroll" role="region" aria-label="Table of workers" tabIndex={0}>
      <table class="worker-table small">
        <thead>
          <tr>
            <th scope="col">Worker</th>
            <th scope="col">Status</th>
            {[...columns, ...(gpus ? [gpuColumn] : [])].map((name) => (
              <th scope="col" class="number" key={name}>
                {name}
              </th>
            ))}
            <th scope="col">Last seen</th>
            <th scope="col">
              <span class="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {workers.map((view) => (
            <Line key={view.worker.worker_id} api={api} view={view} hiveNow={hiveNow} gpus={gpus} />
          ))}
        </tbody>
      </table>
      <p class="small muted">
        Times are the 95th percentile of the last heartbeat with a measurement. Requests, errors and restarts are
        counted since each worker's start.
      </p>
    </div>
  );
}

function Line({ api, view, hiveNow, gpus }: WorkerProps & { readonly gpus: boolean }): VNode {
  const { worker } = view;
  const { word, badge, sign } = livenessBadges[worker.liveness];
  const isGone = worker.liveness === "gone";
  return (
    <tr data-worker={worker.worker_id} data-liveness={worker.liveness}>
      <th scope="row">
        <span class="worker-id">{worker.worker_id}</span>
        <span class="muted model">{worker.model}</span>
      </th>
      <td>
        <span class={badge}>
          <span aria-hidden="true">{sign}</span> {word}
        </span>
      </td>
      {cellsOf(view, gpus).map((text, i) => (
        <td class="number numbers" key={columns[i] ?? gpuColumn}>
          {isGone ? "–" : text}
        </td>
      ))}
      <td class="numbers">{lastSeen(worker, hiveNow)}</td>
      <td>
        <div class="row actions">
          {!isGone && <PageLink page="Status" of={worker.worker_id} url={worker.url} />}
          <WorkerActions api={api} worker={worker} />
        </div>
      </td>
    </tr>
  );
}

/** The texts of a row's cells, in the order of `columns`. */
function cellsOf(view: WorkerView, gpus: boolean): readonly string[] {
  const { slots, queue } = view.worker;
  const { tokensPerSecond, ttftP95, itlP95, requests, errors, restarts, cpu, memory, gpu } = figuresOf(view);
  return [
    `${slots.busy} of ${slots.total}`,
    String(queue.depth),
    formatFigure(tokensPerSecond),
    formatMilliseconds(ttftP95),
    formatMilliseconds(itlP95),
    formatFigure(requests),
    formatFigure(errors),
    formatFigure(restarts),
    formatShare(cpu),
    memory === undefined ? "–" : formatBytes(memory),
    ...(gpus ? [gpu === undefined ? "–" : `${formatBytes(gpu.used_bytes)} of ${formatBytes(gpu.total_bytes)}`] : []),
  ];
}
