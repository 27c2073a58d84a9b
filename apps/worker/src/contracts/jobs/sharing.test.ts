// Contracts about the slots of several clients: choices start as slots become free, and a client that holds many slots gives some of them back.
import { expectedFakeText } from "@waggle/engine";
import { createStepGate, type StepGate } from "@waggle/engine/testing";
import type { Job } from "@waggle/jobs";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { specOf } from "../../testing/spec-of.ts";
import { step, useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start: startWorker, readAll } = useInlineWorker();

const clock = createFakeClock();

function start(slots: number): StepGate {
  const gate = createStepGate();
  startWorker({ slots, gate, clock });
  return gate;
}

function submit(request: GenerateRequestInput, client = "a", choices = 1): Promise<Job> {
  const spec = specOf({ on_disconnect: "continue", max_tokens: 12, ...request }, { client });
  return worker.dispatcher.submit({ ...spec, work: { ...spec.work, choices } });
}

const heldOf = ({ state }: Job): boolean[] => state.sequences.map(({ held }) => held);
const phasesOf = (...jobs: readonly Job[]): string[] => jobs.map(({ state }) => state.phase.name);
const textOf = (events: readonly StreamEvent[], choice = 0): string =>
  events.map((event) => (event.type === "token" && (event.choice ?? 0) === choice ? event.text : "")).join("");
const wholeOf = (prompt: string, tokens = 12): string =>
  expectedFakeText({ kind: "text", text: prompt }, { temperature: 0, seed: 0, ignore_eos: false }, tokens);

test("choices start as slots become free, and each has its whole text", async () => {
  const gate = start(2);
  const first = await submit({ prompt: "ant", max_tokens: 3 });
  const job = await submit({ prompt: "bee" }, "a", 2);
  const reading = readAll(job);
  expect(heldOf(job)).toEqual([true, false]);
  while (phasesOf(first)[0] !== "ended") await step(gate);
  expect(heldOf(job)).toEqual([true, true]);
  gate.open();
  const events = await reading;
  expect([0, 1].map((choice) => textOf(events, choice))).toEqual([wholeOf("bee"), wholeOf("bee")]);
  expect(events.at(-1)).toMatchObject({ type: "end", usage: { completion_tokens: 24 } });
});

test.each([
  { many: "choices", of: async () => [await submit({ prompt: "ant" }, "a", 4)] },
  { many: "streams", of: () => Promise.all(["ant", "ant", "ant", "ant"].map((prompt) => submit({ prompt }))) },
])(
  "a client whose $many hold all slots gives one back after 200 ms, and continues with the same text",
  async ({ of }) => {
    const gate = start(4);
    const greedy = await of();
    const reading = Promise.all(greedy.map((job) => readAll(job)));
    const held = () => greedy.flatMap(heldOf).filter(Boolean).length;
    await step(gate, 2);
    const chat = await submit({ prompt: "cow", max_tokens: 9 }, "b");
    clock.advance(199);
    await step(gate);
    expect([held(), ...phasesOf(chat)]).toEqual([4, "queued"]);
    clock.advance(1);
    await step(gate);
    expect([held(), ...phasesOf(chat)]).toEqual([3, "running"]);
    const others: Job[] = [];
    for (const client of ["c", "d", "e"]) {
      others.push(await submit({ prompt: "cow", max_tokens: 9 }, client));
      clock.advance(200);
      await step(gate);
    }
    // Each client has one slot, so the last one waits.
    expect([held(), ...phasesOf(...others)]).toEqual([1, "running", "running", "queued"]);
    gate.open();
    for (const events of await reading) {
      for (const choice of greedy.length === 1 ? [0, 1, 2, 3] : [0])
        expect(textOf(events, choice)).toBe(wholeOf("ant"));
      expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "length" });
    }
  },
);

test("a job of a higher priority gives no slot to another client", async () => {
  const gate = start(2);
  const high = await submit({ prompt: "ant", priority: 1 }, "a", 2);
  const chat = await submit({ prompt: "cow" }, "b");
  clock.advance(200);
  await step(gate);
  expect([...heldOf(high), ...phasesOf(chat)]).toEqual([true, true, "queued"]);
  gate.open();
  await chat.ended.promise;
});
