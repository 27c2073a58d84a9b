import { SamplingSchema } from "@waggle/protocol";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import type { Job } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJobRegistry } from "../kept/registry.ts";
import type { JobLimits } from "./dispatcher-port.ts";
import type { Executor, ExecutorOwner } from "./executor-port.ts";
import { createJobHost } from "./job-host.ts";
import type { JobHost, JobHostOptions } from "./job-host.ts";

const windows = { replayWindowMs: 1, answerWindowMs: 1, endedJobsKept: 1 };
const spec: JobSpec = {
  model: "m",
  who: { client: "c", trace: "t" },
  when: { priority: 0, onDisconnect: "cancel", direct: true },
  work: { kind: "embed", texts: [] },
};

function host(server: JobHostOptions["server"], onAdded = (_: Job): void => {}, more: Partial<Executor> = {}): JobHost {
  const clock = createFakeClock();
  return createJobHost({
    server,
    key: "m2j",
    executor: Object.assign(more, { open() {}, cancel() {}, ready: false, slots: 1, ...more }) as Executor,
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

test("in a fleet all choices of a job start together, also next to another client's job", async () => {
  const started: string[] = [];
  let owner: ExecutorOwner | undefined;
  const executor: Partial<Executor> = {
    open: (by) => void (owner = by),
    preflight: async () => "unchecked",
    ...{ yieldsItself: true, slots: 4, ready: false, full: false },
    start: (_, sequences) => void started.push(sequences.map(({ uid }) => uid).join(" ")),
  };
  const one = host("gateway", undefined, executor);
  const sampling = SamplingSchema.parse({ seed: 7 });
  const work = { kind: "generate", prompt: { kind: "text", text: "x" }, choices: 3, sampling, stop: [] } as const;
  await one.dispatcher.submit({ ...spec, work });
  await one.dispatcher.submit({ ...spec, who: { client: "other", trace: "t" } });
  Object.assign(executor, { ready: true });
  owner?.onRoom();
  expect(started).toEqual(["m2j1 m2j1.1 m2j1.2", "m2j2"]);
  one.abort();
  one.close();
});
