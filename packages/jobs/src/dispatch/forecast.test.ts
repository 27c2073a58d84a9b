import { SamplingSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createForecast } from "./forecast.ts";
import type { Forecast } from "./forecast.ts";
import type { Job, JobCounts } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJob } from "../job/new-job.ts";

const spec: JobSpec = {
  model: "m",
  who: { client: "a", trace: "t" },
  when: { priority: 0, deadlineMs: 100, refusedIfLate: true, onDisconnect: "cancel", direct: false },
  work: {
    kind: "generate",
    prompt: { kind: "text", text: "x" },
    choices: 1,
    sampling: SamplingSchema.parse({ seed: 7 }),
    stop: [],
  },
};

/** Makes a job with 1,000 prompt tokens. */
function newJob(cachedTokens = 0): Job {
  const size = { promptTokens: 1_000, cachedTokens };
  return createJob(spec, { uid: "j", now: 0, replayBufferBytes: 1_024, phase: "queued", size });
}

function measure(forecast: Forecast, counts: Partial<JobCounts>): void {
  const job = newJob();
  job.state = { ...job.state, counts: { ...job.state.counts, ...counts } };
  forecast.prefilled(job);
}

test("without a ready engine there is no forecast, and a job with a deadline is accepted", () => {
  let ready = true;
  const forecast = createForecast({ ready: () => ready, waitMs: () => 0 });
  measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
  expect(forecast.firstTokenMs(newJob(), 0)).toBe(500);
  expect(() => forecast.refuseLate(newJob(), () => 0)).toThrow("500 ms");
  ready = false;
  expect(forecast.firstTokenMs(newJob(), 0)).toBeUndefined();
  expect(() => forecast.refuseLate(newJob(), () => 0)).not.toThrow();
});

test("measurement and forecast use only uncached prompt tokens", () => {
  const forecast = createForecast({ ready: () => true, waitMs: () => 0 });
  measure(forecast, { promptTokens: 10_000, cachedTokens: 9_000, prefillMs: 500 });
  expect(forecast.firstTokenMs(newJob(), 0)).toBe(500);
  expect(forecast.firstTokenMs(newJob(900), 0)).toBe(50);
});

const waitMs = (position: number): number => position * 1_000;

test("the forecast is the wait for a slot plus the time for the job's uncached tokens at the measured rate", () => {
  const forecast = createForecast({ ready: () => true, waitMs });
  measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
  measure(forecast, { promptTokens: 3_000, prefillMs: 1_500 });
  expect(forecast.firstTokenMs({ uncachedTokens: 400 }, 0)).toBe(200);
  expect(forecast.firstTokenMs({ uncachedTokens: 400 }, 3)).toBe(3_200);
});

test("the forecast needs a measured prompt, the number of uncached tokens, and the wait for a slot", () => {
  const forecast = createForecast({ ready: () => true, waitMs: (position) => (position > 2 ? undefined : 0) });
  expect(forecast.firstTokenMs({ uncachedTokens: 400 }, 0)).toBeUndefined();
  measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
  expect(forecast.firstTokenMs({ uncachedTokens: undefined }, 0)).toBeUndefined();
  expect(forecast.firstTokenMs({ uncachedTokens: 400 }, 3)).toBeUndefined();
  expect(forecast.firstTokenMs({ uncachedTokens: 400 }, 2)).toBe(200);
});

test("short prompts, which take a step each, do not change the forecast of long prompts", () => {
  const forecast = createForecast({ ready: () => true, waitMs });
  measure(forecast, { promptTokens: 1, prefillMs: 80 });
  measure(forecast, { promptTokens: 3, prefillMs: 120 });
  expect(forecast.firstTokenMs({ uncachedTokens: 20 }, 0)).toBe(100);
  expect(forecast.firstTokenMs({ uncachedTokens: 2_000 }, 0)).toBeUndefined();
  measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
  expect(forecast.firstTokenMs({ uncachedTokens: 20 }, 0)).toBe(100);
  expect(forecast.firstTokenMs({ uncachedTokens: 2_000 }, 0)).toBe(1_000);
});

test("the forecast uses the last 16 prompts", () => {
  const forecast = createForecast({ ready: () => true, waitMs });
  for (let i = 0; i < 20; i += 1) measure(forecast, { promptTokens: 1_000, prefillMs: 10_000 });
  for (let i = 0; i < 16; i += 1) measure(forecast, { promptTokens: 1_000, prefillMs: 100 });
  expect(forecast.firstTokenMs({ uncachedTokens: 1_000 }, 0)).toBe(100);
});
