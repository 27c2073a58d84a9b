// Owns the status page's single values: of engines, caches, memory and the queue from the last scrape, and the numbers of jobs. Pure.
import type { JobList } from "@waggle/protocol";
import { labelled, total, type Scrape } from "./prometheus.ts";

export interface EngineFigures {
  readonly model: string;
  readonly residentBytes: number | undefined;
  readonly threads: number | undefined;
  /** Share of the KV cache's cells that running jobs fill, 0 to 1. */
  readonly kvUse: number | undefined;
  readonly prefixStates: number | undefined;
  readonly prefixBytes: number | undefined;
  /** Share of prompt tokens from a cache, 0 to 1; undefined before the first prompt. */
  readonly cachedShare: number | undefined;
  /** Number of guessed tokens, and how many of them were right. */
  readonly guessed: number;
  readonly rightGuesses: number;
  readonly starts: number;
  readonly deaths: number;
}

/** The figures of each model that has or had an engine. */
export function engineFigures(scrape: Scrape): readonly EngineFigures[] {
  const started = labelled("waggle_engine_starts_total", "model", scrape).keys();
  const resident = labelled("waggle_engine_rss_bytes", "model", scrape).keys();
  return [...new Set([...started, ...resident])].map((model) => {
    const of = (name: string): number | undefined => labelled(name, "model", scrape).get(model);
    const tokens = of("waggle_prompt_tokens_total") ?? 0;
    return {
      model,
      residentBytes: aboveZero(of("waggle_engine_rss_bytes")),
      threads: aboveZero(of("waggle_threads")),
      kvUse: of("waggle_kv_use"),
      prefixStates: of("waggle_prefix_states"),
      prefixBytes: of("waggle_prefix_bytes"),
      cachedShare: tokens > 0 ? (of("waggle_cached_prompt_tokens_total") ?? 0) / tokens : undefined,
      guessed: of("waggle_guessed_tokens_total") ?? 0,
      rightGuesses: of("waggle_guesses_right_total") ?? 0,
      starts: of("waggle_engine_starts_total") ?? 0,
      deaths: of("waggle_engine_deaths_total") ?? 0,
    };
  });
}

/** Tokens of the context pool that all slots of a model share. */
export interface PoolFigures {
  readonly used: number;
  readonly total: number;
}

/** Undefined for a model that is not loaded, and at a gateway. */
export function poolFigures(model: string, scrape: Scrape): PoolFigures | undefined {
  const of = (name: string): number | undefined => labelled(name, "model", scrape).get(model);
  const total = aboveZero(of("waggle_context_cells"));
  return total === undefined ? undefined : { used: Math.min(of("waggle_context_cells_used") ?? 0, total), total };
}

export interface WorkerFigures {
  readonly workerBytes: number | undefined;
  readonly enginesBytes: number | undefined;
  readonly machineBytes: number | undefined;
  readonly freeBytes: number | undefined;
  readonly waiting: number | undefined;
  readonly queueCapacity: number | undefined;
  readonly oldestSeconds: number | undefined;
  readonly refused: number;
  readonly accepted: number;
}

export function workerFigures(scrape: Scrape): WorkerFigures {
  const oldest = [...labelled("waggle_queue_oldest_seconds", "model", scrape).values()];
  return {
    workerBytes: scrape.get("process_resident_memory_bytes"),
    enginesBytes: total("waggle_engine_rss_bytes", scrape),
    machineBytes: aboveZero(scrape.get("waggle_machine_memory_bytes")),
    freeBytes: aboveZero(scrape.get("waggle_machine_memory_free_bytes")),
    waiting: total("waggle_queue_depth", scrape),
    queueCapacity: total("waggle_queue_capacity", scrape),
    oldestSeconds: oldest.length === 0 ? undefined : Math.max(...oldest),
    refused: total("waggle_jobs_rejected_total", scrape) ?? 0,
    accepted: total("waggle_jobs_accepted_total", scrape) ?? 0,
  };
}

/** The value; undefined for 0, because an unset gauge has the value 0. */
function aboveZero(value: number | undefined): number | undefined {
  return value !== undefined && value > 0 ? value : undefined;
}

/** A job in a fleet's queue waits without a position, and a job that calls a tool runs. The list may leave out waiting jobs. */
export function jobCounts({ jobs, total }: Pick<JobList, "jobs" | "total">): { running: number; waiting: number } {
  const running = jobs.filter(({ state }) => state !== "queued").length;
  return { running, waiting: total - running };
}
