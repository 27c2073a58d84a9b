// Tests the events that a job's listener gets and sends to another machine.
import { createStepGate } from "@waggle/engine/testing";
import type { JobListener, JobSpec } from "@waggle/jobs";
import { expect, test } from "vitest";
import { specOf } from "../../testing/spec-of.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start } = useInlineWorker();

function createRecorder(): { heard: string[]; listener: JobListener } {
  const heard: string[] = [];
  const listener: JobListener = {
    event: (event) => void heard.push(event.type === "token" ? `token ${event.index}` : event.type),
    engineLost: () => void heard.push("engine lost"),
    ended: (outcome) => void heard.push(`ended: ${outcome.type}`),
  };
  return { heard, listener };
}

function submit(prompt: string, listener: JobListener) {
  return worker.dispatcher.submit(specOf({ prompt }), { listener });
}

test("a listener gets the engine's events, each death of an engine, and exactly one end, which is last", async () => {
  const gate = createStepGate();
  start({ gate, slots: 1 });
  const { heard, listener } = createRecorder();
  const job = await submit("A [eog:2]", listener);
  await gate.held();
  worker.kill();
  worker.load();
  gate.open();
  await job.ended.promise;
  const life = ["started", "token 0", "token 1", "finished", "ended: finished"];
  expect(heard).toEqual(["started", "engine lost", ...life]);
});

test("the listener of a job that is cancelled while it waits gets only its end", async () => {
  start({ loadLater: true });
  const { heard, listener } = createRecorder();
  const job = await submit("A", listener);
  worker.dispatcher.cancel(job, "client");
  expect(heard).toEqual(["ended: cancelled"]);
});

test("a job with a listener is not kept after its end", async () => {
  start();
  const { listener } = createRecorder();
  const job = await submit("A [eog:2]", listener);
  await job.ended.promise;
  expect(worker.registry.endedCount).toBe(0);
  expect(worker.registry.has("a", job.id)).toBe(false);
});

test("an embedding job with a listener continues after the texts that another worker computed", async () => {
  start({ fake: { kind: "embed" } });
  const computed: number[] = [];
  const listener: JobListener = {
    event: (event) => void (event.type === "embedding" && computed.push(event.index)),
    engineLost: () => {},
    ended: () => {},
  };
  const texts = ["a", "b", "c", "d"];
  const spec: JobSpec = {
    model: "waggle-fake",
    who: { client: "a", trace: "t" },
    when: { priority: 0, onDisconnect: "continue", direct: false },
    work: { kind: "embed", texts },
    prior: { computed: 2 },
  };
  const job = await worker.dispatcher.submit(spec, { listener });
  await job.ended.promise;
  expect(computed).toEqual([2, 3]);
});
