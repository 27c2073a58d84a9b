import { expect, onTestFinished, test, vi } from "vitest";
import { metricTable } from "./metric-table.ts";
import { createWorkerMetrics } from "./metrics.ts";

/** The value of one sample line, or undefined. */
async function sample(metrics: { text(): Promise<string> }, line: string): Promise<number | undefined> {
  const found = (await metrics.text()).split("\n").find((text) => text.startsWith(`${line} `));
  return found === undefined ? undefined : Number(found.slice(line.length + 1));
}

test("a scrape shows every metric of the table, and the metrics of Node's process", async () => {
  const text = await createWorkerMetrics().text();
  for (const row of Object.values(metricTable)) {
    expect(text).toContain(`# HELP ${row.name} ${row.help}\n# TYPE ${row.name} ${row.kind}\n`);
  }
  expect(text).toContain("process_cpu_seconds_total");
  expect(text).toContain("nodejs_eventloop_lag_p99_seconds");
});

test("names are unique and prefixed, and names of counters end in _total", () => {
  const names = Object.values(metricTable).map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const row of Object.values(metricTable)) {
    // llama-server calls a high watermark a counter.
    const ending = row.kind === "counter" && row.name !== "llamacpp:n_tokens_max" ? "_total" : "";
    expect(row.name).toMatch(new RegExp(`^(waggle_|llamacpp:)[a-z_]+${ending}$`));
  }
});

test("llama-server's names have the values of all models together, also at the next scrape", async () => {
  const metrics = createWorkerMetrics();
  for (const name of ["one", "other"]) {
    const model = metrics.ofModel(name);
    model.promptTokens.inc(10);
    model.cachedPromptTokens.inc(4);
    model.promptSeconds.inc(0.5);
    model.slotsBusy.set(2);
    for (const width of [1, 3]) model.batchWidth.observe(width);
  }
  const expected = {
    prompt_tokens_total: 12,
    prompt_tokens_cached_total: 8,
    prompt_tokens_seconds: 12,
    predicted_tokens_seconds: 0,
    requests_processing: 4,
    n_busy_slots_per_decode: 2,
  };
  for (const _ of ["first", "second"]) {
    for (const [name, value] of Object.entries(expected)) {
      expect([name, await sample(metrics, `llamacpp:${name}`)]).toEqual([name, value]);
    }
  }
});

test("a scrape reads the event loop's share since the last one once, since each reading begins a new time", async () => {
  const readings = vi.spyOn(performance, "eventLoopUtilization");
  onTestFinished(() => readings.mockRestore());
  const [start, now] = [1, 4].map((active) => ({ active, idle: 2 * active, utilization: 0 }));
  readings.mockReturnValueOnce(start as never).mockReturnValueOnce(now as never);
  const metrics = createWorkerMetrics();
  expect(await sample(metrics, "waggle_event_loop_utilization")).toBeCloseTo(1 / 3);
  // A reading compares two values.
  expect(readings.mock.calls).toEqual([[], [], [now, start]]);
});

test("counters have separate values by label and by model", async () => {
  const metrics = createWorkerMetrics();
  const [one, other] = [metrics.ofModel("one"), metrics.ofModel("other")];
  one.jobsAccepted.inc();
  one.jobsEnded.inc({ outcome: "cancelled", reason: "client" });
  one.tokensGenerated.inc(8);
  other.tokensGenerated.inc(3);
  metrics.ofModel("one").tokensGenerated.inc();
  expect(await sample(metrics, 'waggle_jobs_accepted_total{model="one"}')).toBe(1);
  expect(await sample(metrics, 'waggle_jobs_ended_total{outcome="cancelled",reason="client",model="one"}')).toBe(1);
  expect(await sample(metrics, 'waggle_tokens_generated_total{model="one"}')).toBe(9);
  expect(await sample(metrics, 'waggle_tokens_generated_total{model="other"}')).toBe(3);
});

test("the mean batch width is sum / count", async () => {
  const metrics = createWorkerMetrics();
  const { batchWidth } = metrics.ofModel("m");
  for (const width of [8, 8, 5]) batchWidth.observe(width);
  expect(await sample(metrics, 'waggle_batch_width_sum{model="m"}')).toBe(21);
  expect(await sample(metrics, 'waggle_batch_width_count{model="m"}')).toBe(3);
  expect(await sample(metrics, 'waggle_batch_width_bucket{le="6",model="m"}')).toBe(1);
});

test("a cancel without a further step is counted in the first bucket", async () => {
  const metrics = createWorkerMetrics();
  const { cancelSteps } = metrics.ofModel("m");
  cancelSteps.observe(0);
  cancelSteps.observe(1);
  expect(await sample(metrics, 'waggle_cancel_steps_bucket{le="0",model="m"}')).toBe(1);
  expect(await sample(metrics, 'waggle_cancel_steps_bucket{le="1",model="m"}')).toBe(2);
});

test("the connection to the fleet has no series without a fleet", async () => {
  const metrics = createWorkerMetrics();
  expect(await sample(metrics, "waggle_fleet_connected")).toBeUndefined();
  metrics.fleetConnected.set(0);
  expect(await sample(metrics, "waggle_fleet_connected")).toBe(0);
});

test("the state gauge is one-hot", async () => {
  const metrics = createWorkerMetrics();
  metrics.setState("loading", ["loading", "ready"]);
  metrics.setState("ready", ["loading", "ready"]);
  expect(await sample(metrics, 'waggle_state{state="loading"}')).toBe(0);
  expect(await sample(metrics, 'waggle_state{state="ready"}')).toBe(1);
});

test("two workers in one process have separate metrics", async () => {
  const [one, other] = [createWorkerMetrics(), createWorkerMetrics()];
  one.ofModel("m").steps.inc();
  other.ofModel("m").begin();
  expect(await sample(other, 'waggle_steps_total{model="m"}')).toBe(0);
});

test("the content type is Prometheus' text format", () => {
  expect(createWorkerMetrics().contentType).toMatch(/^text\/plain; version=0\.0\.4/);
});
