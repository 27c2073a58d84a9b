// Owns asking the worker how it is: short requests, some seconds apart, and only while somebody looks.
import { computed, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
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
import { createModelList } from "../models/model-list.ts";
import type { ModelList } from "../models/model-list.ts";
import type { Api } from "../wire/api.ts";
import { problemOf } from "../wire/problem.ts";
import { parseScrape } from "./prometheus.ts";
import type { TimedScrape } from "./series.ts";

const askIntervalMs = 2_000;
/** A worker that takes longer than this for so little is as good as gone. */
const responseTimeoutMs = 10_000;
/** Ten minutes. */
const scrapesLimit = 300;
const logLinesLimit = 500;
/** Two processes begin further apart than this. One that counts as another because its answer came late costs a longer answer, and no line. */
const restartToleranceMs = 1_000;

/** `asking` before the first answer. */
export type Presence = "asking" | "online" | "offline";

export interface WorkerWatch {
  readonly info: ReadonlySignal<WorkerInfo | undefined>;
  readonly health: ReadonlySignal<Health | undefined>;
  readonly models: ModelList;
  /** Of `slotsModel`. */
  readonly slots: ReadonlySignal<readonly SlotStatus[]>;
  /** Whose slots are asked for; undefined while the worker has one model, or none that is loaded. */
  readonly slotsModel: ReadonlySignal<string | undefined>;
  /** Asks for the slots of this one from now on, as long as it is loaded. */
  showSlotsOf(model: string): void;
  /** Undefined before the first answer. */
  readonly jobs: ReadonlySignal<JobList | undefined>;
  /** Oldest first; `refused` where the visitor's token may not read them. */
  readonly log: ReadonlySignal<readonly LogLine[] | "refused">;
  /** Oldest first. */
  readonly scrapes: ReadonlySignal<readonly TimedScrape[]>;
  readonly presence: ReadonlySignal<Presence>;
  /** When it last answered, in this browser's milliseconds since 1970. */
  readonly lastSeenAt: ReadonlySignal<number | undefined>;
  /** Resolves when it has been asked again. */
  refresh(): Promise<void>;
  /** @throws Error with what the worker said against it */
  cancel(job: Pick<ListedJob, "job_id" | "client">): Promise<void>;
}

/** Those that have slots. */
export function loadedModels(models: readonly ModelStatus[]): readonly ModelStatus[] {
  return models.filter(({ slots }) => slots !== undefined);
}

export function watchWorker(api: Api): WorkerWatch {
  const info = signal<WorkerInfo | undefined>(undefined);
  const health = signal<Health | undefined>(undefined);
  const slots = signal<readonly SlotStatus[]>([]);
  const jobs = signal<JobList | undefined>(undefined);
  const log = signal<readonly LogLine[] | "refused">([]);
  const scrapes = signal<readonly TimedScrape[]>([]);
  const presence = signal<Presence>("asking");
  const lastSeenAt = signal<number | undefined>(undefined);

  /** When the worker's process began, by this browser's clock. */
  let startedAt: number | undefined;
  const models = createModelList(api);
  const wantedModel = signal<string | undefined>(undefined);
  const slotsModel = computed(() => {
    const all = models.statuses.value?.models ?? [];
    const loaded = loadedModels(all);
    if (all.length < 2) return undefined;
    return (loaded.find(({ name }) => name === wantedModel.value) ?? loaded.find((model) => model.default) ?? loaded[0])
      ?.name;
  });

  /** Undefined where the answer is none: a worker that is loading says 503 to much. @throws where there is no answer at all */
  async function read<T>(path: string, also: readonly number[] = []): Promise<T | undefined> {
    const response = await api.request(path, { responseTimeoutMs });
    return response.ok || also.includes(response.status) ? ((await response.json()) as T) : undefined;
  }

  async function askInfo(): Promise<void> {
    const about = await read<WorkerInfo>("/v1/info");
    if (about === undefined) return;
    const began = Date.now() - about.uptime_ms;
    // Another process counts its lines anew. It may be up for longer by now than the one before was when it was asked last.
    const restarted = began - (startedAt ?? began) > restartToleranceMs;
    if (restarted && log.peek() !== "refused") log.value = [];
    startedAt = began;
    info.value = about;
  }

  async function askSlots(): Promise<void> {
    const model = slotsModel.peek();
    const several = (models.statuses.peek()?.models.length ?? 0) > 1;
    if (several && model === undefined) return void (slots.value = []);
    const path = model === undefined ? "/v1/slots" : `/v1/slots?model=${encodeURIComponent(model)}`;
    const running = await read<Slots>(path);
    if (running !== undefined && model === slotsModel.peek()) slots.value = running.slots;
  }

  async function askMetrics(): Promise<void> {
    const response = await api.request("/metrics", { responseTimeoutMs });
    if (!response.ok) return;
    const values = parseScrape(await response.text());
    scrapes.value = [...scrapes.value, { at: Date.now(), values }].slice(-scrapesLimit);
  }

  async function askLog(): Promise<void> {
    const known = log.peek();
    if (known === "refused") return;
    const after = known.at(-1)?.seq ?? -1;
    const response = await api.request(`/v1/logs?lines=${logLinesLimit}&after=${after}`, { responseTimeoutMs });
    if (response.status === 403) log.value = "refused";
    if (!response.ok) return;
    const { lines } = (await response.json()) as LogLines;
    if (lines.length > 0) log.value = [...known, ...lines].slice(-logLinesLimit);
  }

  async function ask(): Promise<void> {
    // First, since the log is asked for from where this process began, and it finds out soonest that nobody is there.
    await askInfo();
    await models.refresh();
    await Promise.all([
      read<Health>("/health", [503]).then((said) => void (health.value = said ?? health.value)),
      read<JobList>("/v1/jobs").then((said) => void (jobs.value = said ?? jobs.value)),
      askSlots(),
      askMetrics(),
      askLog(),
    ]);
  }

  async function askNow(): Promise<void> {
    try {
      await ask();
      lastSeenAt.value = Date.now();
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

  // Another token may read what the last one could not.
  api.tokenAsked.subscribe((asked) => {
    if (asked === "no" && log.peek() === "refused") log.value = [];
  });
  void askForEver();
  return {
    info,
    health,
    models,
    slots,
    slotsModel,
    jobs,
    log,
    scrapes,
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
      // It has ended by itself meanwhile, and was forgotten.
      if (!response.ok && response.status !== 404) throw new Error((await problemOf(response)).message);
      await refresh();
    },
  };
}
