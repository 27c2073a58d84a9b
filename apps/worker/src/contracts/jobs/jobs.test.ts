import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import { createFakeClock } from "@waggle/testing";
import type { GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { stateNameOf } from "@waggle/jobs";
import type { Job, Outcome } from "@waggle/jobs";
import { specOf } from "../../testing/spec-of.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, readAll } = useInlineWorker();

function submit(request: GenerateRequestInput): Promise<Job> {
  return worker.dispatcher.submit(specOf(request, { client: "a", direct: false }));
}

/** A long request, which computes only when the gate releases a pass. */
function startGated(options: InlineWorkerOptions = {}) {
  const gate = createStepGate();
  start({ ...options, gate });
  return gate;
}

describe("a job's stream", () => {
  it("has its events in order, gapless tokens and one end", async () => {
    start();
    const job = await submit({ prompt: "hello [eog:5]" });
    const events = await readAll(job);
    expect(events.map((event) => event.type)).toEqual([
      "queued",
      "status",
      "started",
      ...Array.from({ length: 5 }, () => "token"),
      "end",
    ]);
    expect(events.flatMap((event) => (event.type === "token" ? [event.index] : []))).toEqual([0, 1, 2, 3, 4]);
    const end = events.at(-1);
    expect(end).toMatchObject({ type: "end", finish_reason: "stop", usage: { completion_tokens: 6 } });
    expect(worker.registry.liveCount).toBe(0);
    // The ended job is kept only for its replay.
    expect(worker.registry.endedCount).toBe(1);
    expect(job.spec.work).toMatchObject({ prompt: { kind: "text", text: "" } });
  });
});

describe("an answer that continues without a reader", () => {
  it("can be read whole long after its end, but only by its client", async () => {
    const clock = createFakeClock();
    start({ clock });
    const answer = await submit({ prompt: "left alone [eog:6]", on_disconnect: "continue" });
    const other = await submit({ prompt: "read at once [eog:6]" });
    await Promise.all([answer.ended.promise, other.ended.promise]);
    clock.advance(59_999);
    expect(worker.registry.endedCount).toBe(2);
    clock.advance(1);
    expect(worker.registry.get(answer.spec.who.client, answer.id)).toBe(answer);
    expect(worker.registry.get("somebody else", answer.id)).toBeUndefined();
    expect(worker.registry.get(other.spec.who.client, other.id)).toBeUndefined();
    const events = await readAll(answer);
    expect(events.filter(({ type }) => type === "token")).toHaveLength(6);
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
    clock.advance(1_800_000);
    expect(worker.registry.endedCount).toBe(0);
  });
});

describe("sessions", () => {
  it("hand the slot over: stream_end of the old job is logged before stream_start of the new job", async () => {
    const gate = startGated({ slots: 1 });
    const old = await submit({ prompt: "A", session_id: "s" });
    const bystander = await submit({ prompt: "waits [eog:2]" });
    await gate.held();
    const successor = await submit({ prompt: "B [eog:3]", session_id: "s" });
    gate.open();
    const events = await readAll(successor);
    expect(outcomeOf(old)).toEqual({ type: "cancelled", by: "superseded" });
    expect(textOfEvents(events)).toBe(
      expectedFakeText({ kind: "text", text: "B [eog:3]" }, { temperature: 0, seed: 42, ignore_eos: false }, 100),
    );
    await bystander.ended.promise;
    const lines = worker.logLines
      .filter((line) => line["session"] === "s")
      .map((line) => `${String(line["msg"])} ${String(line["job"])}`);
    const order = ["stream_end", "prev_stream_finished_cleanly", "stream_start"];
    const seen = lines.filter((line) => order.some((word) => line.startsWith(word)));
    expect(seen).toEqual([
      `stream_start ${old.id}`,
      `stream_end ${old.id}`,
      `prev_stream_finished_cleanly ${successor.id}`,
      `stream_start ${successor.id}`,
      `stream_end ${successor.id}`,
    ]);
  });

  it("accept a superseding job even when the queue is full, because the new job takes the old job's place", async () => {
    const gate = startGated({ slots: 1, queueCapacity: 1 });
    const running = await submit({ prompt: "A", session_id: "s" });
    await submit({ prompt: "fills the queue [eog:1]", session_id: "t" });
    await submit({ prompt: "fills it too [eog:1]", session_id: "t" });
    const successor = await submit({ prompt: "B [eog:1]", session_id: "s" });
    gate.open();
    await Promise.all([running.ended.promise, successor.ended.promise]);
    expect(stateNameOf(successor.state)).toBe("finished");
  });

  it("do not delay other clients with many superseding jobs", async () => {
    start({ slots: 1, queueCapacity: 8 });
    const greedy = (): Promise<Job> => submit({ prompt: "endless", session_id: "greedy" });
    await greedy();
    const patient = await submit({ prompt: "short [eog:1]", priority: 10 });
    const other = await submit({ prompt: "short [eog:1]" });
    const waiting = (): boolean => [patient, other].some((job) => stateNameOf(job.state) !== "finished");
    for (let round = 0; round < 500 && waiting(); round += 1) {
      await greedy();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect([patient, other].map((job) => stateNameOf(job.state))).toEqual(["finished", "finished"]);
  });
});

describe("leaving", () => {
  it("ends the jobs of a dead engine if no other engine follows", async () => {
    const gate = startGated({ slots: 2 });
    const silent = await submit({ prompt: "A" });
    await gate.held();
    worker.host.refuse();
    worker.kill();
    expect(outcomeOf(silent)).toMatchObject({ type: "failed", code: "unavailable" });
    await worker.dispatcher.idle();
  });

  it("ends open queries to the engine on an abort", async () => {
    start({ link: { command: () => {}, event: (_, deliver) => deliver() } });
    const question = { kind: "detokenize", tokens: [1] } as const;
    const asked = [submit({ prompt: "A" }), worker.dispatcher.query(question, new AbortController().signal)];
    worker.host.abort();
    expect(await Promise.all(asked.map((answer) => answer.catch((error: unknown) => error)))).toMatchObject([
      { code: "unavailable", message: "The job was aborted: the worker is leaving." },
      { code: "unavailable", message: "Cannot ask the model: the worker is leaving." },
    ]);
  });
});

function textOfEvents(events: readonly StreamEvent[]): string {
  return events.map((event) => (event.type === "token" ? event.text : "")).join("");
}

function outcomeOf({ state }: Job): Outcome | undefined {
  return state.phase.name === "ended" ? state.phase.outcome : undefined;
}
