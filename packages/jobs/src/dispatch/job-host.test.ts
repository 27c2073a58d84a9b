import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJobRegistry } from "../kept/registry.ts";
import type { JobLimits } from "./dispatcher-port.ts";
import type { Executor } from "./executor-port.ts";
import { createJobHost } from "./job-host.ts";
import type { JobHost, JobHostOptions } from "./job-host.ts";

const windows = { replayWindowMs: 1, answerWindowMs: 1, endedJobsKept: 1 };
const spec: JobSpec = {
  model: "m",
  who: { client: "c", trace: "t" },
  when: { priority: 0, onDisconnect: "cancel", direct: true },
  work: { kind: "embed", texts: [] },
};

function host(server: JobHostOptions["server"], onAdded = (_: Job): void => {}): JobHost {
  const clock = createFakeClock();
  return createJobHost({
    server,
    key: "m2j",
    executor: { open() {}, cancel() {}, ready: false, slots: 1 } as Partial<Executor> as Executor,
    registry: createJobRegistry({ clock, ...windows }),
    queueCapacity: 4,
    clientQueueShare: 1,
    limits: { replayBufferBytes: 1_000, unclaimedTimeoutMs: 30_000, pingIntervalMs: 1_000 } as JobLimits,
    observers: [],
    onAdded,
    model: () => "m",
    fingerprints: () => ({}) as never,
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
    clock,
  });
}

test.each(["worker", "gateway"] as const)(
  "a %s that leaves says so to new jobs and to clients that watch the loading",
  async (server) => {
    const one = host(server);
    one.refuse();
    await expect(one.dispatcher.submit(spec)).rejects.toMatchObject({
      code: "unavailable",
      message: `Cannot run the job: the ${server} is leaving.`,
      retryAfterS: 5,
    });
    one.abort();
    expect(one.loading.value).toEqual({ type: "failed", message: `The ${server} is leaving.` });
    one.close();
  },
);

test("each accepted job is announced once, when the registry has it", async () => {
  const seen: string[] = [];
  const one = host("worker", ({ uid }) => void seen.push(`${uid} of ${one.registry.liveCount}`));
  const jobs = [await one.dispatcher.submit(spec), await one.dispatcher.submit(spec)];
  expect([jobs.map(({ uid }) => uid), seen]).toEqual([
    ["m2j1", "m2j2"],
    ["m2j1 of 1", "m2j2 of 2"],
  ]);
  one.abort();
  expect(one.registry.liveCount).toBe(0);
  one.close();
});
