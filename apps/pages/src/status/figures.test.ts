import { expect, it } from "vitest";
import { engineFigures, jobCounts, poolFigures, workerFigures } from "./figures.ts";
import { parseScrape } from "./prometheus.ts";

const scrape = parseScrape(
  [
    'waggle_engine_rss_bytes{model="a"} 1000',
    'waggle_engine_starts_total{model="a"} 3',
    'waggle_engine_deaths_total{model="a",reason="signal"} 1',
    'waggle_engine_deaths_total{model="a",reason="hung"} 1',
    'waggle_engine_starts_total{model="b"} 1',
    'waggle_engine_rss_bytes{model="b"} 0',
    'waggle_kv_use{model="a"} 0.25',
    'waggle_prompt_tokens_total{model="a"} 200',
    'waggle_cached_prompt_tokens_total{model="a"} 50',
    'waggle_context_cells{model="a"} 65536',
    'waggle_guessed_tokens_total{model="a"} 40',
    'waggle_guesses_right_total{model="a"} 30',
    'waggle_threads{model="a"} 2',
    'waggle_threads{model="b"} 0',
    'waggle_context_cells_used{model="a"} 12000',
    'waggle_context_cells{model="b"} 0',
    'waggle_queue_depth{model="a"} 2',
    'waggle_queue_oldest_seconds{model="a"} 1.5',
    'waggle_queue_oldest_seconds{model="b"} 0',
    'waggle_jobs_rejected_total{code="resource_exhausted"} 4',
    "process_resident_memory_bytes 77",
    "waggle_machine_memory_free_bytes 0",
  ].join("\n"),
);

it("engineFigures returns the known values of each engine, and undefined for unknown values", () => {
  const [a, b] = engineFigures(scrape);
  expect(a).toMatchObject({ model: "a", residentBytes: 1_000, starts: 3, deaths: 2, kvUse: 0.25, cachedShare: 0.25 });
  expect(a).toMatchObject({ guessed: 40, rightGuesses: 30, threads: 2 });
  expect(b).toMatchObject({
    guessed: 0,
    model: "b",
    starts: 1,
    deaths: 0,
    residentBytes: undefined,
    cachedShare: undefined,
  });
});

it("has the totals of the worker", () => {
  expect(workerFigures(scrape)).toMatchObject({
    workerBytes: 77,
    enginesBytes: 1_000,
    freeBytes: undefined,
    waiting: 2,
    oldestSeconds: 1.5,
    refused: 4,
    accepted: 0,
  });
});

it("has the context pool of a loaded model", () => {
  expect(poolFigures("a", scrape)).toEqual({ used: 12_000, total: 65_536 });
  expect(poolFigures("b", scrape)).toBeUndefined();
  expect(poolFigures("gone", scrape)).toBeUndefined();
});

it("counts a job that calls a tool as running, and jobs that are not listed as waiting", () => {
  const job = { client: "local", kind: "generate", model: "bees", position: 0, tokens: 0, age_ms: 9_000 } as const;
  const call = { call_id: "c", server: "files", tool: "read_file", state: "waits_for_consent" } as const;
  const jobs = [
    { ...job, job_id: "asks", state: "calling" as const, call },
    { ...job, job_id: "far", state: "queued" as const },
  ];
  expect(jobCounts({ jobs, total: 5 })).toEqual({ running: 1, waiting: 4 });
});
