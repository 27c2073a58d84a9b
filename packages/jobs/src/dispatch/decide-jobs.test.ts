// Tests the life of a decide job at a dispatcher whose executor is scripted.
import { noTotals, type JobEvent } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { createLogger, createWorkerMetrics } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { beforeEach, expect, test } from "vitest";
import { stateNameOf, type Job } from "../job/job.ts";
import type { JobSpec, JobTerms } from "../job/job-spec.ts";
import { priorWorkOf } from "../job/output-so-far.ts";
import { createJobRegistry } from "../kept/registry.ts";
import type { JobLimits } from "./dispatcher-port.ts";
import type { Executor, ExecutorOwner } from "./executor-port.ts";
import { createJobHost } from "./job-host.ts";

const retryGraceMs = 10_000;
const reading = { content: [], options: [["A"], ["B"]], ends: false };
const totals = { ...noTotals, promptTokens: 90, cachedTokens: 20, prefillMs: 7 };

function setUp() {
  const clock = createFakeClock();
  const cancelled: string[] = [];
  const starts: unknown[] = [];
  const registry = createJobRegistry({ clock, replayWindowMs: 60_000, answerWindowMs: 60_000, endedJobsKept: 9 });
  let owner: ExecutorOwner | undefined;
  const executor: Partial<Executor> = {
    open: (by) => void (owner = by),
    ...{ ready: true, full: false, slots: 1 },
    preflight: async () => ({ promptTokens: 90, cachedTokens: 20 }),
    start: (job) => void starts.push(priorWorkOf(job, 0)),
    cancel: (uid) => void cancelled.push(uid),
  };
  const { dispatcher } = createJobHost({
    ...{ server: "worker", key: "j", queueCapacity: 4, clientQueueShare: 1, registry, clock, observers: [] },
    executor: executor as Executor,
    limits: {
      ...{ replayBufferBytes: 1_000, unclaimedTimeoutMs: 30_000, pingIntervalMs: 1_000, retryGraceMs },
      ...{ readerStallTimeoutMs: 30_000, supersedeTimeoutMs: 30_000 },
    } as JobLimits,
    model: () => "m",
    fingerprints: () => ({}) as never,
    log: createLogger({ level: "silent", format: "json", name: "test" }),
    metrics: createWorkerMetrics(),
  });
  return {
    ...{ clock, cancelled, starts, registry },
    submit: async (when: Partial<JobTerms> = {}): Promise<Job> => {
      const spec: JobSpec = {
        model: "m",
        who: { client: "c", trace: "t" },
        when: { priority: 0, onDisconnect: "cancel", direct: true, ...when },
        work: { kind: "decide", state: { messages: [] }, readings: [reading, reading] },
      };
      return await dispatcher.submit(spec);
    },
    read: (job: Job) => dispatcher.openReader(job, -1, () => {}),
    send: (...events: readonly JobEvent[]) => owner?.onEvents(events),
    /** The engine dies, and another one is ready. */
    lose() {
      owner?.onLost(new WaggleError("engine_failed", "The engine died."), new Set());
      owner?.onRoom();
    },
  };
}

let world: ReturnType<typeof setUp>;
beforeEach(() => void (world = setUp()));

const started = ({ uid: jobId }: Job): JobEvent => ({ type: "started", jobId, slot: 2, ...totals });
const read = ({ uid: jobId }: Job, index: number): JobEvent => {
  return { type: "embedding", jobId, index, vector: [-0.1, -2.5], tokens: 8 };
};
const finished = ({ uid: jobId }: Job): JobEvent => ({ type: "finished", jobId, by: "end", ...totals });

test("is a prompt in a slot, and continues behind the readings that a lost engine has computed", async () => {
  const job = await world.submit();
  world.send(started(job), { type: "progress", jobId: job.uid, processedTokens: 40, ...totals, tMs: 1 });
  expect([stateNameOf(job.state), job.state.sequences[0]?.slot]).toEqual(["prefill", 2]);
  expect(job.log.marks.at(-1)?.event).toMatchObject({ status: "thinking", prompt_progress: { processed: 40 } });
  world.send(read(job, 0));
  world.lose();
  world.lose();
  world.send(started(job), read(job, 1), finished(job));
  expect(world.starts).toEqual([{ computed: 0 }, { computed: 1 }, { computed: 1 }]);
  expect(job.vectors).toEqual([
    [-0.1, -2.5],
    [-0.1, -2.5],
  ]);
  expect(job.log.terminal).toMatchObject({
    finish_reason: "stop",
    usage: { prompt_tokens: 90, cached_tokens: 20, completion_tokens: 0 },
  });
});

test("is cancelled as soon as its client leaves, and the client's next request is accepted", async () => {
  const job = await world.submit();
  const reader = world.read(job);
  world.send(started(job));
  reader.close();
  expect(world.cancelled).toEqual([job.uid]);
  const again = await world.submit();
  world.send({ type: "cancelled", jobId: job.uid, steps: 1, ...totals });
  world.send(started(again));
  expect([job, again].map(({ state }) => stateNameOf(state))).toEqual(["cancelled", "prefill"]);
});

test("continues without its client while a retry may come, and keeps its vectors after its end", async () => {
  const job = await world.submit({ retriable: true });
  const reader = world.read(job);
  world.send(started(job));
  reader.close();
  world.clock.advance(retryGraceMs - 1);
  expect(world.cancelled).toEqual([]);
  world.send(read(job, 0), read(job, 1), finished(job));
  world.clock.advance(59_999);
  expect(world.registry.get("c", job.id)?.vectors).toHaveLength(2);
  expect(world.registry.replayBytes).toBe(job.log.bytes + 4 * 8);
  world.clock.advance(1);
  expect(world.registry.get("c", job.id)).toBeUndefined();
});
