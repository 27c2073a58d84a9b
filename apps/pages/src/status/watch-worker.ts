// Owns polling the worker's state: short requests every two seconds, only while the page is visible.
import { computed, signal, type ReadonlySignal } from "@preact/signals";
import type { Batch } from "@waggle/protocol";
import type {
  Health,
  JobList,
  ListedJob,
  LogLine,
  LogLines,
  ModelStatus,
  SlotStatus,
  Slots,
  WorkerInfo,
} from "@waggle/protocol";
import { createModelList, type ModelList } from "../models/model-list.ts";
import type { Api } from "../wire/api.ts";
import { responseProblem } from "../wire/problem.ts";
import { createHistoryWatch, type HistoryWatch } from "./charts/history-watch.ts";
import { parseScrape, type Scrape } from "./prometheus.ts";
import { createShownTime, dayMs, type ShownTime } from "./shown-time.ts";

const askIntervalMs = 2_000;
/** A worker that takes longer to answer counts as offline. */
const responseTimeoutMs = 10_000;
const logLinesLimit = 500;
const batchesLimit = 20;

/** `asking` before the first answer. */
export type Presence = "asking" | "online" | "offline";

export interface WorkerWatch {
  readonly info: ReadonlySignal<WorkerInfo | undefined>;
  readonly health: ReadonlySignal<Health | undefined>;
  readonly models: ModelList;
  /** The slots of `slotsModel`. */
  readonly slots: ReadonlySignal<readonly SlotStatus[]>;
  /** The model whose slots are requested; undefined at a worker with one model, or without a loaded model. */
  readonly slotsModel: ReadonlySignal<string | undefined>;
  /** Requests the slots of this model, as long as it is loaded. */
  showSlotsOf(model: string): void;
  /** Undefined before the first answer. */
  readonly jobs: ReadonlySignal<JobList | undefined>;
  /** The newest batches of the visitor's token. Empty where batches are not served. */
  readonly batches: ReadonlySignal<readonly Batch[]>;
  /** Oldest first; `refused` if the visitor's token may not read the log. */
  readonly log: ReadonlySignal<readonly LogLine[] | "refused">;
  /** The lines of a day that belong to no client. */
  readonly serverLog: ReadonlySignal<readonly LogLine[] | "refused">;
  /** The last scrape of the metrics. */
  readonly scrape: ReadonlySignal<Scrape | undefined>;
  readonly history: HistoryWatch;
  readonly time: ShownTime;
  readonly presence: ReadonlySignal<Presence>;
  /** When the worker last answered, by this browser's clock. Milliseconds since 1970. */
  readonly lastSeenAt: ReadonlySignal<number | undefined>;
  /** Requests all data again; resolves when it has arrived. */
  refresh(): Promise<void>;
  /** @throws Error with the worker's reason */
  cancel(job: Pick<ListedJob, "job_id" | "client">): Promise<void>;
}

/** Models that have slots. */
export function loadedModels(models: readonly ModelStatus[]): readonly ModelStatus[] {
  return models.filter(({ slots }) => slots !== undefined);
}

export function watchWorker(api: Api): WorkerWatch {
  const info = signal<WorkerInfo | undefined>(undefined);
  const health = signal<Health | undefined>(undefined);
  const slots = signal<readonly SlotStatus[]>([]);
  const jobs = signal<JobList | undefined>(undefined);
  const batches = signal<readonly Batch[]>([]);
  let servesBatches = true;
  const log = signal<readonly LogLine[] | "refused">([]);
  const serverLog = signal<readonly LogLine[] | "refused">([]);
  const scrape = signal<Scrape | undefined>(undefined);
  const history = createHistoryWatch(api);
  const time = createShownTime(api);
  const presence = signal<Presence>("asking");
  const lastSeenAt = signal<number | undefined>(undefined);

  const models = createModelList(api);
  const wantedModel = signal<string | undefined>(undefined);
  const slotsModel = computed(() => {
    const all = models.statuses.value?.models ?? [];
    const loaded = loadedModels(all);
    if (all.length < 2) return undefined;
    return (loaded.find(({ name }) => name === wantedModel.value) ?? loaded.find((model) => model.default) ?? loaded[0])
      ?.name;
  });

  /** Undefined for an error status, because a loading worker answers many requests with 503. @throws without an answer */
  async function read<T>(path: string, also: readonly number[] = []): Promise<T | undefined> {
    const response = await api.request(path, { responseTimeoutMs });
    return response.ok || also.includes(response.status) ? ((await response.json()) as T) : undefined;
  }

  async function askSlots(): Promise<void> {
    const model = slotsModel.peek();
    const several = (models.statuses.peek()?.models.length ?? 0) > 1;
    if (several && model === undefined) return void (slots.value = []);
    const path = model === undefined ? "/v1/slots" : `/v1/slots?model=${encodeURIComponent(model)}`;
    const running = await read<Slots>(path);
    if (running !== undefined && model === slotsModel.peek()) slots.value = running.slots;
  }

  async function askBatches(): Promise<void> {
    if (!servesBatches) return;
    const response = await api.request(`/v1/batches?limit=${batchesLimit}`, { responseTimeoutMs });
    servesBatches = response.status !== 404 && response.status !== 501;
    batches.value = response.ok ? ((await response.json()) as { readonly data: readonly Batch[] }).data : [];
  }

  async function askMetrics(): Promise<void> {
    const response = await api.request("/metrics", { responseTimeoutMs });
    if (!response.ok) return;
    scrape.value = parseScrape(await response.text());
  }

  /** Numbers of lines increase over a restart. @param first part of the query until there are lines */
  async function askLog(lines: typeof log, query: string, first = ""): Promise<void> {
    const known = lines.peek();
    if (known === "refused") return;
    const last = known.at(-1);
    const which = last === undefined ? first : `&after=${last.seq}`;
    const response = await api.request(`/v1/logs?lines=${logLinesLimit}${query}${which}`, { responseTimeoutMs });
    if (response.status === 403) lines.value = "refused";
    if (!response.ok) return;
    const { lines: more } = (await response.json()) as LogLines;
    if (more.length > 0) lines.value = [...known, ...more].slice(-logLinesLimit);
  }

  async function ask(): Promise<void> {
    // If the worker is offline, no other requests follow.
    info.value = (await read<WorkerInfo>("/v1/info")) ?? info.value;
    lastSeenAt.value = Date.now();
    await models.refresh();
    await Promise.all([
      read<Health>("/health", [503]).then((answer) => void (health.value = answer ?? health.value)),
      read<JobList>("/v1/jobs?ended").then((answer) => void (jobs.value = answer ?? jobs.value)),
      askSlots(),
      askBatches(),
      askMetrics(),
      history.ask(),
      askLog(log, ""),
      askLog(serverLog, "&client=&level=info", `&since=${new Date(Date.now() - dayMs).toISOString()}`),
    ]);
  }

  async function askNow(): Promise<void> {
    try {
      await ask();
      presence.value = "online";
    } catch {
      presence.value = "offline";
    }
  }

  let asking: Promise<void> | undefined;
  const refresh = (): Promise<void> => (asking ??= askNow().finally(() => (asking = undefined)));

  async function askForEver(): Promise<never> {
    for (;;) {
      if (document.visibilityState === "visible") await refresh();
      await new Promise((resolve) => setTimeout(resolve, askIntervalMs));
    }
  }

  // Another token may be allowed to read the log.
  api.tokenAsked.subscribe((asked) => {
    if (asked === "no" && log.peek() === "refused") log.value = serverLog.value = [];
  });
  void askForEver();
  return {
    info,
    health,
    models,
    slots,
    slotsModel,
    jobs,
    batches,
    log,
    serverLog,
    scrape,
    history,
    time,
    presence,
    lastSeenAt,
    refresh,
    showSlotsOf(model) {
      wantedModel.value = model;
      slots.value = [];
    },
    async cancel({ job_id, client }) {
      const path = `/v1/jobs/${encodeURIComponent(job_id)}?client=${encodeURIComponent(client)}`;
      const response = await api.request(path, { method: "DELETE" });
      // A 404 means that the job has ended meanwhile, and that the worker no longer has it.
      if (!response.ok && response.status !== 404) throw new Error((await responseProblem(response)).message);
      await refresh();
    },
  };
}
