// Owns the page's first card: the state in words, what is wrong and what to do, and the few numbers that matter.
import type { WorkerInfo } from "@waggle/protocol";
import { workerStateWords } from "@waggle/protocol/words";
import type { VNode } from "preact";
import { ChangeLine } from "../models/changes/change-line.tsx";
import type { Changes } from "../models/changes/changes.ts";
import { Facts, type Fact } from "../parts/facts.tsx";
import {
  formatBytes,
  formatCount,
  formatCounted,
  formatDuration,
  formatFigure,
  formatTokenRate,
} from "../parts/format.ts";
import { Button } from "../parts/icons.tsx";
import type { Api } from "../wire/api.ts";
import { batchFacts } from "./batch-facts.ts";
import { jobCounts, workerFigures, type WorkerFigures } from "./figures.ts";
import { problemsOf, type StatusProblem } from "./problems.ts";
import type { WorkerWatch } from "./watch-worker.ts";

interface SummaryProps {
  readonly api: Api;
  readonly watch: WorkerWatch;
  readonly changes: Changes;
  readonly info: WorkerInfo;
}

export function Summary({ api, watch, changes, info }: SummaryProps): VNode {
  const { models } = watch;
  const offline = watch.presence.value === "offline";
  const colour = offline || info.state === "failed" ? "bad" : info.state === "ready" ? "good" : "warn";
  const { reason } = watch.health.value ?? {};
  const scrape = watch.scrape.value;
  const statuses = models.statuses.value?.models ?? [];
  const problems = offline
    ? []
    : problemsOf({ state: info.state, reason, models: statuses, scrape: scrape ?? new Map() });
  const isPassing = info.state === "starting" || info.state === "loading";
  return (
    <section class="card" aria-labelledby="about-title">
      <div class="spread">
        <h2 id="about-title" class="anywhere">
          {info.worker_id}
        </h2>
        <span class={`badge ${colour}`}>{offline ? "offline" : workerStateWords[info.state]}</span>
      </div>
      {!offline && isPassing && reason !== undefined && <p class="notice anywhere">{reason}</p>}
      {problems.map((problem) => (
        <Problem key={problem.title} {...{ api, changes, problem }} />
      ))}
      <p class="numbers">{workWords(watch)}</p>
      <Facts
        facts={[...factsOf(scrape && workerFigures(scrape), info), ...batchFacts(watch.batches.value, Date.now())]}
      />
      <p class="small muted anywhere">{aboutWords(info, statuses.length, offline)}</p>
    </section>
  );
}

interface ProblemProps {
  readonly api: Api;
  readonly changes: Changes;
  readonly problem: StatusProblem;
}

function Problem({ api, changes, problem: { title, todo, model } }: ProblemProps): VNode {
  const change = model === undefined ? undefined : changes.ofModels.value.get(model);
  return (
    <div class="notice bad stack tight" data-problem={model}>
      <div class="spread anywhere">
        <p>
          <strong>{title}</strong> {todo}
        </p>
        {model !== undefined && (
          <Button
            label="Load"
            aria-label={`Load ${model} again`}
            disabled={change?.state === "running"}
            onClick={() => changes.load(model)}
          />
        )}
      </div>
      {change !== undefined && <ChangeLine api={api} change={change} onDismiss={changes.dismiss} />}
    </div>
  );
}

/** For example "4 running, 2 waiting, 153 tokens/s." */
function workWords({ jobs, history }: WorkerWatch): string {
  if (jobs.value === undefined || jobs.value.total === 0) return "Idle.";
  const { running, waiting } = jobCounts(jobs.value);
  const rate = history.moments.value.at(-1)?.point?.tokens_per_second ?? 0;
  return `${formatCounted(running, "job")} running, ${formatCount(waiting)} waiting, ${formatTokenRate(rate)}.`;
}

function factsOf(figures: WorkerFigures | undefined, info: WorkerInfo): readonly Fact[] {
  const { waiting, oldestSeconds, machineBytes, freeBytes } = figures ?? {};
  const count = (key: "waiting" | "queueCapacity" | "accepted" | "refused"): string => formatFigure(figures?.[key]);
  const bytes = (value: number | undefined): string => (value === undefined ? "–" : formatBytes(value));
  const memory: readonly Fact[] = [
    ["Worker process", bytes(figures?.workerBytes)],
    ["Engines, with models", bytes(figures?.enginesBytes)],
    ["Free memory", `${bytes(freeBytes)} of ${bytes(machineBytes)}`],
  ];
  return [
    ["Queue", `${count("waiting")} of ${count("queueCapacity")}`],
    ["Oldest wait", waiting === 0 || oldestSeconds === undefined ? undefined : formatDuration(oldestSeconds * 1_000)],
    ["Accepted", count("accepted")],
    ["Rejected", count("refused")],
    ...(info.gateway === true ? [["Gateway process", bytes(figures?.workerBytes)] as const] : memory),
  ];
}

/** What the server is, in one line. */
function aboutWords(info: WorkerInfo, models: number, offline: boolean): string {
  return [
    `Waggle ${info.version}`,
    info.gateway === true ? "gateway" : backendWords(info),
    models > 1 ? formatCounted(models, "model") : info.model,
    models > 1 ? undefined : contextWords(info),
    info.local_mode ? "for this machine only" : "on the network, with API tokens",
    `${offline ? "was up" : "up"} for ${formatDuration(info.uptime_ms)}`,
  ]
    .filter((words) => words !== undefined)
    .join(" · ");
}

function contextWords({ context_size: one, context_pool: all }: WorkerInfo): string | undefined {
  if (one === undefined) return undefined;
  const pool = all === undefined || all === one ? "" : `, ${formatCount(all)} for all together`;
  return `${formatCount(one)} tokens for one job${pool}`;
}

/** Only a loaded engine reports the device, the build and the binding; otherwise, the text is the backend's name. */
function backendWords({ backend, device, engine_build: build, engine_binding: binding }: WorkerInfo): string {
  if (backend === "fake") return "fake backend, no model";
  const words = [device, build, binding === undefined ? undefined : `binding: ${binding}`];
  return device === undefined ? backend : words.filter(Boolean).join(", ");
}
