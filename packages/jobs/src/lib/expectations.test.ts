import { SamplingSchema } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createExpectations } from "./expectations.ts";
import type { Expectations } from "./expectations.ts";
import type { Job, JobCounts } from "./job.ts";
import type { JobSpec } from "./job-spec.ts";
import { createJob } from "./new-job.ts";

const spec: JobSpec = {
  kind: "generate",
  model: "m",
  scope: { client: "a", trace: "t" },
  priority: 0,
  deadlineMs: 100,
  refusedIfLate: true,
  onDisconnect: "cancel",
  direct: false,
  prompt: { kind: "text", text: "x" },
  choices: 1,
  sampling: SamplingSchema.parse({ seed: 7 }),
  contextShift: false,
  stop: [],
};

/** Of 1,000 tokens. */
function newJob(cachedTokens = 0): Job {
  const size = { promptTokens: 1_000, cachedTokens };
  return createJob(spec, { uid: "j", now: 0, replayBufferBytes: 1_024, phase: "queued", size });
}

function measure(expectations: Expectations, counts: Partial<JobCounts>): void {
  const job = newJob();
  job.state = { ...job.state, counts: { ...job.state.counts, ...counts } };
  expectations.prefilled(job);
}

test("nothing is expected while no engine is ready, and nobody is refused", () => {
  let ready = true;
  const expectations = createExpectations({ ready: () => ready, waitMs: () => 0 });
  measure(expectations, { promptTokens: 1_000, prefillMs: 500 });
  expect(expectations.firstTokenMs(newJob(), 0)).toBe(500);
  expect(() => expectations.refuseLate(newJob(), () => 0)).toThrow("500 ms");
  ready = false;
  expect(expectations.firstTokenMs(newJob(), 0)).toBeUndefined();
  expect(() => expectations.refuseLate(newJob(), () => 0)).not.toThrow();
});

test("what a cache held was not computed, neither then nor for the next one", () => {
  const expectations = createExpectations({ ready: () => true, waitMs: () => 0 });
  measure(expectations, { promptTokens: 10_000, cachedTokens: 9_000, prefillMs: 500 });
  expect(expectations.firstTokenMs(newJob(), 0)).toBe(500);
  expect(expectations.firstTokenMs(newJob(900), 0)).toBe(50);
});
