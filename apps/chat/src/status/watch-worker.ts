// Owns asking the worker how it is: short requests, some seconds apart, and only while somebody looks.
import { computed, signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { ModelStatus, SlotStatus, Slots, WorkerInfo } from "@waggle/protocol";
import { createModelList } from "../models/model-list.ts";
import type { ModelList } from "../models/model-list.ts";
import type { Api } from "../wire/api.ts";
import { parseScrape } from "./prometheus.ts";
import type { Scrape } from "./prometheus.ts";

const askIntervalMs = 2_000;
/** Ten minutes. */
const scrapesLimit = 300;

export interface TimedScrape {
  /** Milliseconds since 1970. */
  readonly at: number;
  readonly values: Scrape;
}

export interface WorkerWatch {
  readonly info: ReadonlySignal<WorkerInfo | undefined>;
  readonly models: ModelList;
  /** Of `slotsModel`. */
  readonly slots: ReadonlySignal<readonly SlotStatus[]>;
  /** Whose slots are asked for; undefined while the worker has one model, or none that is loaded. */
  readonly slotsModel: ReadonlySignal<string | undefined>;
  /** Asks for the slots of this one from now on, as long as it is loaded. */
  showSlotsOf(model: string): void;
  /** Oldest first. */
  readonly scrapes: ReadonlySignal<readonly TimedScrape[]>;
  readonly reachable: ReadonlySignal<boolean>;
}

/** Those that have slots. */
export function loadedModels(models: readonly ModelStatus[]): readonly ModelStatus[] {
  return models.filter(({ slots }) => slots !== undefined);
}

export function watchWorker(api: Api): WorkerWatch {
  const info = signal<WorkerInfo | undefined>(undefined);
  const slots = signal<readonly SlotStatus[]>([]);
  const scrapes = signal<readonly TimedScrape[]>([]);
  const reachable = signal(true);

  const models = createModelList(api);
  const wantedModel = signal<string | undefined>(undefined);
  const slotsModel = computed(() => {
    const all = models.statuses.value?.models ?? [];
    const loaded = loadedModels(all);
    if (all.length < 2) return undefined;
    return (loaded.find(({ name }) => name === wantedModel.value) ?? loaded.find((model) => model.default) ?? loaded[0])
      ?.name;
  });

  async function ask(): Promise<void> {
    await models.refresh();
    const model = slotsModel.peek();
    const several = (models.statuses.peek()?.models.length ?? 0) > 1;
    const slotsPath = model === undefined ? "/v1/slots" : `/v1/slots?model=${encodeURIComponent(model)}`;
    const [about, metrics, running] = await Promise.all([
      api.request("/v1/info"),
      api.request("/metrics"),
      several && model === undefined ? undefined : api.request(slotsPath),
    ]);
    if (about.ok) info.value = (await about.json()) as WorkerInfo;
    if (running === undefined) slots.value = [];
    else if (running.ok && model === slotsModel.peek()) slots.value = ((await running.json()) as Slots).slots;
    if (!metrics.ok) return;
    const values = parseScrape(await metrics.text());
    scrapes.value = [...scrapes.value, { at: Date.now(), values }].slice(-scrapesLimit);
  }

  async function askForEver(): Promise<never> {
    for (;;) {
      if (document.visibilityState === "visible") {
        reachable.value = await ask().then(
          () => true,
          () => false,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, askIntervalMs));
    }
  }

  void askForEver();
  return {
    info,
    models,
    slots,
    slotsModel,
    scrapes,
    reachable,
    showSlotsOf(model) {
      wantedModel.value = model;
      slots.value = [];
    },
  };
}
