// Tests the series of single models: their start at 0, a change of name, and their removal.
import { expect, test } from "vitest";
import { metricTable } from "./metric-table.ts";
import type { MetricRow } from "./metric-table.ts";
import { createWorkerMetrics } from "./metrics.ts";

const linesOf = async (metrics: { text(): Promise<string> }, part: string): Promise<string[]> =>
  (await metrics.text()).split("\n").filter((line) => !line.startsWith("#") && line.includes(part));

test("rows per model, and no other rows, have the model as first label", () => {
  for (const { name, labels, perModel } of Object.values<MetricRow>(metricTable)) {
    const has = ["model", "model_name"].includes(labels[0] ?? "") && !labels.includes("client");
    expect([name, perModel]).toEqual([name, has]);
  }
});

test("begin sets metrics with the model as only label to 0, once", async () => {
  const metrics = createWorkerMetrics();
  const model = metrics.ofModel("m");
  expect(await linesOf(metrics, 'model="m"')).toEqual([]);
  model.steps.inc(5);
  model.begin();
  model.ttftSeconds.observe(1);
  metrics.ofModel("m").begin();
  expect(await linesOf(metrics, "waggle_steps_total{")).toEqual(['waggle_steps_total{model="m"} 5']);
  expect(await linesOf(metrics, "waggle_tokens_generated_total{")).toEqual([
    'waggle_tokens_generated_total{model="m"} 0',
  ]);
  expect(await linesOf(metrics, "waggle_ttft_seconds_count")).toEqual(['waggle_ttft_seconds_count{model="m"} 1']);
  expect(await linesOf(metrics, "waggle_itl_seconds_count")).toEqual(['waggle_itl_seconds_count{model="m"} 0']);
});

test("when a model's name becomes known, earlier counts move to this name, and the old series disappear", async () => {
  const metrics = createWorkerMetrics();
  const early = metrics.ofModel("file");
  early.begin();
  early.jobsAccepted.inc(2);
  early.guessedTokens.inc(4);
  early.engineDeaths.inc({ reason: "exit" });
  metrics.ofModel("neighbour").jobsAccepted.inc(7);
  const renamed = metrics.renameModel("file", "own");
  metrics.ofModel("own").begin();
  metrics.ofModel("own").jobsAccepted.inc();
  await renamed;
  expect(await linesOf(metrics, '="file"')).toEqual([]);
  expect(await linesOf(metrics, "waggle_guessed_tokens_total{")).toEqual([
    'waggle_guessed_tokens_total{model="own"} 4',
  ]);
  expect(await linesOf(metrics, "waggle_jobs_accepted_total{")).toEqual([
    'waggle_jobs_accepted_total{model="neighbour"} 7',
    'waggle_jobs_accepted_total{model="own"} 3',
  ]);
  expect(await linesOf(metrics, "waggle_engine_deaths_total{")).toEqual([
    'waggle_engine_deaths_total{reason="exit",model="own"} 1',
  ]);
});

test("resetModelGauges removes the gauges of all models, and keeps counters", async () => {
  const metrics = createWorkerMetrics();
  for (const name of ["one", "two"]) {
    metrics.ofModel(name).slotsTotal.set(4);
    metrics.ofModel(name).modelState.set({ state: "ready" }, 1);
    metrics.ofModel(name).steps.inc();
  }
  metrics.streamsOpen.set(3);
  metrics.resetModelGauges();
  metrics.ofModel("two").slotsTotal.set(2);
  expect(await linesOf(metrics, "waggle_slots_total{")).toEqual(['waggle_slots_total{model="two"} 2']);
  expect(await linesOf(metrics, "waggle_model_state{")).toEqual([]);
  expect(await linesOf(metrics, "waggle_steps_total{")).toHaveLength(2);
  expect(await linesOf(metrics, "waggle_streams_open ")).toEqual(["waggle_streams_open 3"]);
});
