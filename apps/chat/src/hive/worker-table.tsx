// Owns how the workers are shown as a table: a line for each, to compare many.
import type { VNode } from "preact";
import { byteWords } from "../models/model-words.ts";
import type { Api } from "../wire/api.ts";
import type { WorkerView } from "./hive-view.ts";
import type { WorkerProps } from "./worker-card.tsx";
import { figure, lastSeen, looks, percent } from "./words.ts";
import { WorkerActions } from "./worker-actions.tsx";
import { figuresOf } from "./worker-figures.ts";
import { StatusLink } from "./worker-links.tsx";

const columns = [
  "Slots",
  "Queue",
  "Tokens/s",
  "First token",
  "Next token",
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
        Times are the 95th percentile in the last heartbeat that had any. Requests, errors and restarts are counted
        since each worker's start.
      </p>
    </div>
  );
}

function Line({ api, view, hiveNow, gpus }: WorkerProps & { readonly gpus: boolean }): VNode {
  const { worker } = view;
  const { word, badge, sign } = looks[worker.liveness];
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
          <StatusLink worker={worker} />
          <WorkerActions api={api} worker={worker} />
        </div>
      </td>
    </tr>
  );
}

/** In the order of `columns`. */
function cellsOf(view: WorkerView, gpus: boolean): readonly string[] {
  const { slots, queue } = view.worker;
  const { tokensPerSecond, ttftP95, itlP95, requests, errors, restarts, cpu, memory, gpu } = figuresOf(view);
  return [
    `${slots.busy} of ${slots.total}`,
    String(queue.depth),
    figure(tokensPerSecond === undefined ? undefined : Math.round(tokensPerSecond)),
    figure(ttftP95, "ms"),
    figure(itlP95, "ms"),
    figure(requests),
    figure(errors),
    figure(restarts),
    percent(cpu),
    memory === undefined ? "–" : byteWords(memory),
    ...(gpus ? [gpu === undefined ? "–" : `${byteWords(gpu.used_bytes)} of ${byteWords(gpu.total_bytes)}`] : []),
  ];
}
