// Owns asking the worker how it is: short requests, some seconds apart, and only while somebody looks.
import { signal } from "@preact/signals";
import type { ReadonlySignal } from "@preact/signals";
import type { SlotStatus, Slots, WorkerInfo } from "@waggle/protocol";
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
  readonly slots: ReadonlySignal<readonly SlotStatus[]>;
  /** Oldest first. */
  readonly scrapes: ReadonlySignal<readonly TimedScrape[]>;
  readonly reachable: ReadonlySignal<boolean>;
}

export function watchWorker(api: Api): WorkerWatch {
  const info = signal<WorkerInfo | undefined>(undefined);
  const slots = signal<readonly SlotStatus[]>([]);
  const scrapes = signal<readonly TimedScrape[]>([]);
  const reachable = signal(true);

  async function ask(): Promise<void> {
    const responses = await Promise.all(["/v1/info", "/v1/slots", "/metrics"].map((path) => api.request(path)));
    const [about, running, metrics] = responses;
    if (about?.ok === true) info.value = (await about.json()) as WorkerInfo;
    if (running?.ok === true) slots.value = ((await running.json()) as Slots).slots;
    if (metrics?.ok !== true) return;
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
  return { info, slots, scrapes, reachable };
}
