// What somebody hears who follows a job for another machine.
import { createStepGate } from "@waggle/engine";
import { generateSpecOf } from "@waggle/front";
import type { JobFollower, JobSpec } from "@waggle/jobs";
import { GenerateRequestSchema } from "@waggle/protocol";
import { afterEach, expect, test } from "vitest";
import { createInlineWorker, type InlineWorker } from "../testing/inline-worker.ts";

let worker: InlineWorker;
afterEach(() => worker.close());

function createRecorder(): { heard: string[]; follower: JobFollower } {
  const heard: string[] = [];
  const follower: JobFollower = {
    event: (event) => void heard.push(event.type === "token" ? `token ${event.index}` : event.type),
    engineLost: () => void heard.push("engine lost"),
    ended: (outcome) => void heard.push(`ended: ${outcome.type}`),
  };
  return { heard, follower };
}

function submit(prompt: string, follower: JobFollower) {
  const request = GenerateRequestSchema.parse({ prompt, temperature: 0 });
  const spec = generateSpecOf(request, { client: "a", trace: "t", model: "waggle-fake", direct: false });
  return worker.dispatcher.submit(spec, follower);
}

test("a follower hears what the engine tells, each death of one, and the end once and last", async () => {
  const gate = createStepGate();
  worker = createInlineWorker({ gate, slots: 1 });
  const { heard, follower } = createRecorder();
  const job = await submit("A [eog:2]", follower);
  await gate.held();
  worker.kill();
  worker.load();
  gate.open();
  await job.ended.promise;
  const life = ["started", "token 0", "token 1", "finished", "ended: finished"];
  expect(heard).toEqual(["started", "engine lost", ...life]);
});

test("a follower of a job that is cancelled while it waits hears its end alone", async () => {
  worker = createInlineWorker({ loadLater: true });
  const { heard, follower } = createRecorder();
  const job = await submit("A", follower);
  worker.dispatcher.cancel(job, "client");
  expect(heard).toEqual(["ended: cancelled"]);
});

test("a followed job that has ended is not kept: its reader is its follower", async () => {
  worker = createInlineWorker();
  const { follower } = createRecorder();
  const job = await submit("A [eog:2]", follower);
  await job.ended.promise;
  expect(worker.registry.endedCount).toBe(0);
  expect(worker.registry.has("a", job.id)).toBe(false);
});

test("a followed job of texts goes on behind those that were computed elsewhere", async () => {
  worker = createInlineWorker({ fake: { kind: "embed" } });
  const computed: number[] = [];
  const follower: JobFollower = {
    event: (event) => void (event.type === "embedding" && computed.push(event.index)),
    engineLost: () => {},
    ended: () => {},
  };
  const texts = ["a", "b", "c", "d"];
  const owner = { scope: { client: "a", trace: "t" }, priority: 0, onDisconnect: "continue", direct: false } as const;
  const spec: JobSpec = { kind: "embed", model: "waggle-fake", ...owner, texts, computed: 2 };
  const job = await worker.dispatcher.submit(spec, follower);
  await job.ended.promise;
  expect(computed).toEqual([2, 3]);
});
