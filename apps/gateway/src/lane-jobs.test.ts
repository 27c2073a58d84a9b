// Tests how a gateway runs the jobs of batches: they take no other job's place, and their workers have them yield.
import { systemClock } from "@waggle/async";
import { noTotals, type JobEvent } from "@waggle/engine";
import { systemChance } from "@waggle/fleet";
import { hasEnded, type Job } from "@waggle/jobs";
import { lanePriority, SamplingSchema } from "@waggle/protocol";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { afterEach, beforeEach, expect, it } from "vitest";
import { parseConfig } from "./config.ts";
import { createGatewayJobs, type GatewayJobs } from "./gateway-jobs.ts";
import { createFakeFleet } from "./testing/fake-fleet.ts";
import { publishedJob, until } from "./testing/waiting.ts";

const jobId = "theirs";
const started: JobEvent = { type: "started", jobId, slot: 0, promptTokens: 1, cachedTokens: 0 };
const token = (index: number): JobEvent => {
  return { type: "token", jobId, index, text: `${index} `, tMs: index, ids: [index], n: 1 };
};
const finished: JobEvent = { type: "finished", jobId, by: "end", ...noTotals };

let fleet = createFakeFleet();
let jobs: GatewayJobs;
beforeEach(() => {
  fleet = createFakeFleet();
  const parsed = parseConfig(["--local-mode", "--nats-url", "nats://127.0.0.1:4222"], {});
  if (parsed.kind === "exit") throw new Error(parsed.stderr);
  jobs = createGatewayJobs({
    ...{ config: parsed.config, side: fleet.side("g"), observers: [], clock: systemClock, chance: systemChance },
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
  });
});
afterEach(async () => {
  jobs.abort();
  await jobs.stop();
});

const submit = async (priority: number): Promise<Job> =>
  await jobs.models.dispatcher.submit({
    model: "m",
    who: { client: "c", trace: "t", batch: priority === lanePriority ? "b" : undefined },
    when: { priority, onDisconnect: "continue", direct: true },
    work: {
      kind: "generate",
      prompt: { kind: "text", text: "x" },
      choices: 1,
      sampling: SamplingSchema.parse({ seed: 7 }),
      stop: [],
    },
  });

it("a lane job is refused while only workers of an earlier version serve the model", async () => {
  fleet.join({ id: "old", model: "m", slots: 1 });
  await expect(submit(lanePriority)).rejects.toMatchObject({
    code: "unavailable",
    message: "Cannot accept the job: no worker that serves m now knows jobs of batches. Update the workers.",
  });
  expect(hasEnded(await submit(0))).toBe(false);
});

it("another job is published at once, and the lane job continues at its worker without a doubled token", async () => {
  fleet.join({ id: "w", model: "m", slots: 1, yields: true });
  const lane = await submit(lanePriority);
  const waiting = await submit(lanePriority);
  const atWorker = fleet.take(await publishedJob(fleet), "w");
  atWorker.emit(started, token(0));
  const other = await submit(0);
  const published = await publishedJob(fleet, 1);
  expect(published.spec.when.priority).toBe(0);
  expect(jobs.models.hosts()[0]?.dispatcher).toMatchObject({ running: 1, waiting: 0, laneJobs: 2 });
  fleet.take(published, "w").emit(started, token(0), finished);
  await other.ended.promise;
  // The worker starts the job again behind its output.
  atWorker.emit(started, token(1), finished);
  await lane.ended.promise;
  expect(lane.log.nextToken).toBe(2);
  expect(lane.state.phase).toEqual({ name: "ended", outcome: { type: "finished", by: "end" } });
  expect((await publishedJob(fleet, 2)).spec.who).toMatchObject({ client: "c", batch: "b" });
  expect(hasEnded(waiting)).toBe(false);
});

it("a gateway that leaves ends its lane jobs, which the fleet forgets", async () => {
  fleet.join({ id: "w", model: "m", slots: 1, yields: true });
  const lane = await submit(lanePriority);
  await publishedJob(fleet);
  jobs.refuse();
  await lane.ended.promise;
  expect(lane.log.terminal).toMatchObject({ code: "unavailable" });
  await until(() => expect(fleet.cancelled).toHaveLength(1));
});
