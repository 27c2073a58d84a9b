// Contracts about the jobs of batches: they yield their slots to every other job, continue with the same tokens, and never count as load.
import { expectedFakeText, type JobEvent } from "@waggle/engine";
import { createStepGate, type StepGate } from "@waggle/engine/testing";
import type { Job, JobSpec } from "@waggle/jobs";
import { lanePriority, type GenerateRequestInput, type StreamEvent } from "@waggle/protocol";
import { expect, test } from "vitest";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { specOf } from "../../testing/spec-of.ts";
import { step, useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start: startWorker, readAll } = useInlineWorker();

function start(options: InlineWorkerOptions = {}): StepGate {
  const gate = createStepGate();
  startWorker({ slots: 2, ...options, gate });
  return gate;
}

function lineOf(prompt: string, { client = "a", batch = "b1" } = {}, maxTokens = 12): JobSpec {
  const spec = specOf({ prompt, max_tokens: maxTokens, on_disconnect: "continue" }, { client });
  return { ...spec, who: { ...spec.who, batch }, when: { ...spec.when, priority: lanePriority } };
}

const submit = (spec: JobSpec): Promise<Job> => worker.dispatcher.submit(spec);
const ask = (request: GenerateRequestInput): Promise<Job> =>
  submit(specOf({ on_disconnect: "continue", max_tokens: 3, ...request }));

const textOf = (events: readonly StreamEvent[]): string =>
  events.map((event) => (event.type === "token" ? event.text : "")).join("");
const wholeOf = (prompt: string, tokens = 12): string =>
  expectedFakeText({ kind: "text", text: prompt }, { temperature: 0, seed: 0, ignore_eos: false }, tokens);

/** Lets lane jobs run until each has output. */
async function stepUntilOutput(gate: StepGate, jobs: readonly Job[]): Promise<void> {
  while (jobs.some(({ log }) => log.nextToken < 2)) await step(gate);
}

const phases = (jobs: readonly Job[]): string[] => jobs.map(({ state }) => state.phase.name);

test("a job gets a slot of the lane at the next scheduling point, from the job that started last, which continues with the same tokens", async () => {
  const gate = start();
  const lane = [await submit(lineOf("ant")), await submit(lineOf("bee"))];
  const reading = Promise.all(lane.map((job) => readAll(job)));
  await stepUntilOutput(gate, lane);
  const job = await ask({ prompt: "cow" });
  expect(job.state.phase.name, "the engine gets it at once").toBe("running");
  expect(phases(lane)).toEqual(["running", "running"]);
  // The pass that ran is over after one step, and the next one has the job's prompt.
  await step(gate, 2);
  expect(phases(lane)).toEqual(["running", "queued"]);
  expect(job.state.startedAt).toBeDefined();
  expect(worker.dispatcher).toMatchObject({ waiting: 0, running: 1, sequences: 2, laneJobs: 2 });
  gate.open();
  await Promise.all([job, ...lane].map(({ ended }) => ended.promise));
  const [ant = [], bee = []] = await reading;
  expect([textOf(ant), textOf(bee)]).toEqual([wholeOf("ant"), wholeOf("bee")]);
  expect(bee.at(-1)).toMatchObject({ type: "end", usage: { completion_tokens: 12 } });
  expect(lane[1]?.state).toMatchObject({ enginesLost: 0, resumptions: 1 });
});

test("a job with several choices gets all their slots, and the lane waits until no other job does", async () => {
  const gate = start();
  const lane = [await submit(lineOf("ant")), await submit(lineOf("bee"))];
  await stepUntilOutput(gate, lane);
  const spec = specOf({ prompt: "cow", max_tokens: 3, on_disconnect: "continue" });
  const both = await submit({ ...spec, work: { ...spec.work, choices: 2 } });
  const next = await ask({ prompt: "dog" });
  await step(gate, 2);
  expect(phases([both, next, ...lane])).toEqual(["running", "queued", "queued", "queued"]);
  gate.open();
  await both.ended.promise;
  expect(lane.some(({ state }) => state.phase.name === "ended")).toBe(false);
  await Promise.all([next, ...lane].map(({ ended }) => ended.promise));
  expect([both, next, ...lane].map(({ state }) => state.phase)).toEqual(
    Array(4).fill({ name: "ended", outcome: { type: "finished", by: "max_tokens" } }),
  );
});

test("clients take turns, and then the batches of a client", async () => {
  const gate = start({ slots: 1 });
  const begun: string[] = [];
  const first = await submit(lineOf("first", { client: "z" }));
  const owners = [
    ...["a b1", "a b1", "a b1", "a b2", "c b3", "c b3"].map((owner) => {
      const [client = "", batch = ""] = owner.split(" ");
      return { owner, spec: lineOf(owner, { client, batch }, 2) };
    }),
  ];
  const jobs = [];
  for (const { owner, spec } of owners) {
    const job = await submit(spec);
    jobs.push(job.ended.promise.then(() => begun.push(owner)));
  }
  gate.open();
  await Promise.all([first.ended.promise, ...jobs]);
  expect(begun).toEqual(["a b1", "c b3", "a b2", "c b3", "a b1", "a b1"]);
});

test("an engine that dies during the yield, and a cancel during it, leave one end and the same tokens", async () => {
  const gate = start();
  const lane = [await submit(lineOf("ant")), await submit(lineOf("bee"))];
  const [, second] = lane;
  if (second === undefined) throw new Error("There are two jobs");
  const reading = readAll(second);
  await stepUntilOutput(gate, lane);
  const job = await ask({ prompt: "cow" });
  worker.kill();
  worker.load();
  await step(gate, 3);
  expect(phases([job, ...lane])).toEqual(["running", "running", "queued"]);
  const more = await ask({ prompt: "dog" });
  worker.dispatcher.cancel(lane[0] as Job, "client");
  gate.open();
  await Promise.all([job, more, ...lane].map(({ ended }) => ended.promise));
  expect(lane.map(({ state }) => state.phase)).toEqual([
    { name: "ended", outcome: { type: "cancelled", by: "client" } },
    { name: "ended", outcome: { type: "finished", by: "max_tokens" } },
  ]);
  expect(textOf(await reading)).toBe(wholeOf("bee"));
});

test("the listener of a job that yields gets each token once, and no end before the last", async () => {
  const gate = start({ slots: 1 });
  const events: JobEvent[] = [];
  const listener = { event: (event: JobEvent) => void events.push(event), engineLost() {}, ended() {} };
  const lane = await worker.dispatcher.submit(lineOf("ant"), { listener });
  await stepUntilOutput(gate, [lane]);
  const job = await ask({ prompt: "cow" });
  gate.open();
  await Promise.all([job.ended.promise, lane.ended.promise]);
  const tokens = events.flatMap((event) => (event.type === "token" ? [event.index] : []));
  expect(tokens).toEqual(tokens.map((_, index) => index));
  const ends = events.filter(({ type }) => type !== "token" && type !== "progress" && type !== "started");
  expect(ends.map(({ type }) => type)).toEqual(["finished"]);
});

test("an embed job yields with its vectors so far, and computes only the others again", async () => {
  const texts = Array.from({ length: 200 }, (_, index) => `text ${index} ${"word ".repeat(30)}`);
  const spec: JobSpec = { ...lineOf("any"), work: { kind: "embed", texts } };
  const request: JobSpec = { ...spec, when: { ...spec.when, priority: 0 }, work: { kind: "embed", texts: ["cow"] } };
  startWorker({ slots: 1, fake: { kind: "embed" } });
  const whole = await submit(spec);
  await whole.ended.promise;
  let other: Promise<Job> | undefined;
  startWorker({
    slots: 1,
    fake: { kind: "embed" },
    link: {
      command: (_, deliver) => queueMicrotask(deliver),
      event(event, deliver) {
        deliver();
        if (event.type === "step" && event.events.some(({ type }) => type === "embedding")) other ??= submit(request);
      },
    },
  });
  const job = await submit(spec);
  await job.ended.promise;
  expect((await other)?.state.phase).toMatchObject({ outcome: { type: "finished" } });
  expect(job.vectors).toEqual(whole.vectors);
  const prior = worker.commands.flatMap((one) => (one.type === "prepare" ? [one.job.prior?.computed ?? 0] : []));
  expect(Math.max(...prior)).toBeGreaterThan(0);
  expect(Math.max(...prior)).toBeLessThan(texts.length);
});

test("bursts of other jobs do not keep a lane job from its end, nor from the text that the engine holds back at a yield", async () => {
  const gate = start({ slots: 1 });
  const prompt = "[unicode]ant";
  const lane = await submit(lineOf(prompt, {}, 40));
  const soFar: number[] = [];
  for (let burst = 0; burst < 8; burst += 1) {
    await step(gate, 2 + (burst % 2));
    const job = await ask({ prompt: `burst ${burst}` });
    while (job.state.phase.name !== "ended") await step(gate);
    soFar.push(lane.output[0]?.ids.length ?? Infinity);
  }
  expect(soFar).toEqual(soFar.toSorted((a, b) => a - b));
  gate.open();
  await lane.ended.promise;
  expect(textOf(await readAll(lane))).toBe(wholeOf(prompt, 40));
});

test("a worker that leaves ends the lane's jobs at once, and lets the others finish", async () => {
  const gate = start();
  const lane = [await submit(lineOf("ant")), await submit(lineOf("bee"))];
  await stepUntilOutput(gate, lane);
  const job = await ask({ prompt: "cow" });
  await step(gate, 2);
  worker.host.refuse();
  await step(gate, 1);
  expect(lane.map(({ state }) => state.phase)).toMatchObject(
    Array(2).fill({ name: "ended", outcome: { code: "unavailable" } }),
  );
  gate.open();
  await job.ended.promise;
  expect(job.state.phase).toMatchObject({ outcome: { type: "finished" } });
});
