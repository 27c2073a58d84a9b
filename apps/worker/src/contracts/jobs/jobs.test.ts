import { createStepGate, expectedFakeText } from "@waggle/engine";
import { createFakeClock } from "@waggle/testing";
import { WaggleError } from "@waggle/protocol";
import type { ErrorEvent, GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { describe, expect, it } from "vitest";
import { stateNameOf } from "@waggle/jobs";
import type { Job, Outcome, Reader } from "@waggle/jobs";
import { specOf } from "../../testing/spec-of.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, post, readAll } = useInlineWorker();

function submit(request: GenerateRequestInput, client = "a", direct = false): Promise<Job> {
  return worker.dispatcher.submit(specOf(request, { client, direct }));
}

function open(job: Job, after = -1): Reader {
  return worker.dispatcher.openReader(job, after, () => {});
}

async function readUntil(reader: Reader, type: StreamEvent["type"]): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for (;;) {
    const { done, value } = await reader.next();
    if (done === true) throw new Error(`Ended before ${type}: ${JSON.stringify(events)}`);
    events.push(...value);
    if (value.some((event) => event.type === type)) return events;
  }
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

  it("is the same for every reader, early or late", async () => {
    start();
    const job = await submit({ prompt: "again [eog:30]" });
    const [early, other] = await Promise.all([readAll(job), readAll(job)]);
    const late = await readAll(job);
    const tail = await readAll(job, 17);
    const tokens = (events: readonly StreamEvent[]) => events.filter((event) => event.type === "token");
    expect(tokens(early)).toHaveLength(30);
    expect(tokens(other)).toEqual(tokens(early));
    expect(tokens(late)).toEqual(tokens(early));
    expect(tokens(tail)).toEqual(tokens(early).slice(18));
    expect(tail.at(-1)).toEqual(early.at(-1));
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

describe("cancelling", () => {
  it("ends a queued job at once, without affecting the running job", async () => {
    const gate = startGated({ slots: 1 });
    const running = await submit({ prompt: "one [eog:4]" });
    const queued = await submit({ prompt: "two [eog:4]" });
    expect(worker.dispatcher.position(queued)).toBe(1);
    worker.dispatcher.cancel(queued, "client");
    expect(outcomeOf(queued)).toEqual({ type: "cancelled", by: "client" });
    expect(worker.commands.filter((command) => command.type === "cancel")).toEqual([]);
    gate.open();
    expect((await readAll(running)).at(-1)).toMatchObject({ finish_reason: "stop" });
  });

  it("ends a running job when the engine has released its slot", async () => {
    const gate = startGated({ slots: 1 });
    const job = await submit({ prompt: "long" });
    await gate.held();
    worker.dispatcher.cancel(job, "client");
    expect(stateNameOf(job.state)).not.toBe("cancelled");
    gate.step();
    await job.ended.promise;
    expect(outcomeOf(job)).toEqual({ type: "cancelled", by: "client" });
    expect(worker.dispatcher.running).toBe(0);
    expect(worker.slots().every((slot) => slot.state === "idle")).toBe(true);
  });

  it("forces the end after a timeout, and gives the session another slot", async () => {
    const clock = createFakeClock();
    const gate = startGated({ slots: 2, clock });
    const old = await submit({ prompt: "hangs", session_id: "s" });
    await gate.held();
    const successor = await submit({ prompt: "new [eog:2]", session_id: "s" });
    expect(stateNameOf(old.state)).not.toBe("cancelled");
    clock.advance(2_000);
    expect(outcomeOf(old)).toEqual({ type: "cancelled", by: "superseded" });
    expect(worker.logLines.map((line) => line["msg"])).toContain("prev_stream_timeout_on_cancel");
    expect(successor.state.phase.name).toBe("running");
    gate.open();
    expect((await readAll(successor)).at(-1)).toMatchObject({ finish_reason: "stop" });
  });

  it("ends a job in any state with deadline_exceeded at its deadline", async () => {
    const clock = createFakeClock();
    const gate = startGated({ slots: 1, clock });
    const running = await submit({ prompt: "a", deadline_ms: 500 });
    const queued = await submit({ prompt: "b", deadline_ms: 500 });
    await gate.held();
    clock.advance(500);
    expect(outcomeOf(queued)).toMatchObject({ type: "failed", code: "deadline_exceeded" });
    gate.open();
    await running.ended.promise;
    expect(outcomeOf(running)).toMatchObject({ type: "failed", code: "deadline_exceeded" });
  });

  it("keeps the first reason when a job is cancelled twice", async () => {
    const gate = startGated({ slots: 1 });
    const job = await submit({ prompt: "a" });
    await gate.held();
    worker.dispatcher.cancel(job, "client");
    worker.dispatcher.cancel(job, "disconnect");
    gate.open();
    await job.ended.promise;
    expect(outcomeOf(job)).toEqual({ type: "cancelled", by: "client" });
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

  it("run the newest job of a burst, and cancel all others", async () => {
    const gate = startGated({ slots: 1 });
    const burst: Job[] = [];
    for (const name of ["1", "2", "3", "4", "5"]) {
      burst.push(await submit({ prompt: `${name} [eog:2]`, session_id: "s" }));
      await gate.held();
    }
    gate.open();
    await Promise.all(burst.map((job) => job.ended.promise));
    expect(burst.map((job) => stateNameOf(job.state))).toEqual([
      "cancelled",
      "cancelled",
      "cancelled",
      "cancelled",
      "finished",
    ]);
    expect(worker.logLines.filter((line) => line["msg"] === "stream_start")).toHaveLength(2);
    expect(worker.dispatcher.waiting).toBe(0);
  });

  it("give a new job the queue position of the job that it supersedes", async () => {
    const gate = startGated({ slots: 1 });
    await submit({ prompt: "runs [eog:1]" });
    const old = await submit({ prompt: "A", session_id: "s" });
    const later = await submit({ prompt: "later [eog:1]" });
    const successor = await submit({ prompt: "B [eog:1]", session_id: "s" });
    expect(outcomeOf(old)).toEqual({ type: "cancelled", by: "superseded" });
    expect(old.state.startedAt).toBeUndefined();
    expect([successor, later].map((job) => worker.dispatcher.position(job))).toEqual([1, 2]);
    gate.open();
    await later.ended.promise;
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

  it("belong to the request whose head came last, though its body came first", async () => {
    startGated({ slots: 1 });
    const accept = async (body: string | ReadableStream<Uint8Array>): Promise<string> => {
      const response = await post("/v1/jobs", body);
      return ((await response.json()) as { job_id: string }).job_id;
    };
    const text = JSON.stringify({ prompt: "A", session_id: "s" });
    const slow = new TransformStream<Uint8Array, Uint8Array>();
    const first = accept(slow.readable);
    const second = await accept(text);
    const writer = slow.writable.getWriter();
    await Promise.all([writer.write(new TextEncoder().encode(text)), writer.close()]);
    const [older, newer] = [await first, second].map((id) => worker.registry.get("local", id));
    expect([older, newer].map((job) => job?.state.phase.name)).toEqual(["ended", "running"]);
    expect(older === undefined ? undefined : outcomeOf(older)).toEqual({ type: "cancelled", by: "superseded" });
  });

  it("of different clients are separate, even with the same name", async () => {
    const gate = startGated({ slots: 2 });
    const a = await submit({ prompt: "A [eog:2]", session_id: "s" }, "alice");
    const b = await submit({ prompt: "B [eog:2]", session_id: "s" }, "bob");
    gate.open();
    await Promise.all([a.ended.promise, b.ended.promise]);
    expect([stateNameOf(a.state), stateNameOf(b.state)]).toEqual(["finished", "finished"]);
  });

  it("continue their job when a new job is refused", async () => {
    const gate = startGated({ slots: 1, contextSize: 64 });
    const old = await submit({ prompt: "A [eog:3]", session_id: "s" });
    const refused = submit({ prompt: "x".repeat(100), session_id: "s" });
    await expect(refused).rejects.toMatchObject({ code: "invalid_argument" });
    gate.open();
    await old.ended.promise;
    expect(stateNameOf(old.state)).toBe("finished");
  });

  it("accept a superseding job even when the queue is full, because the new job takes the old job's place", async () => {
    const gate = startGated({ slots: 1, queueCapacity: 1 });
    const running = await submit({ prompt: "A", session_id: "s" });
    await submit({ prompt: "fills the queue [eog:1]" });
    const successor = await submit({ prompt: "B [eog:1]", session_id: "s" });
    gate.open();
    await Promise.all([running.ended.promise, successor.ended.promise]);
    expect(stateNameOf(successor.state)).toBe("finished");
  });
});

describe("admission", () => {
  it("refuses a job id in use, and frees it when the replay is over", async () => {
    const clock = createFakeClock();
    start({ clock });
    const job = await submit({ prompt: "a [eog:1]", job_id: "mine" });
    await job.ended.promise;
    await expect(submit({ prompt: "b [eog:1]", job_id: "mine" })).rejects.toMatchObject({ code: "conflict" });
    clock.advance(60_000);
    await expect(submit({ prompt: "b [eog:1]", job_id: "mine" })).resolves.toBeDefined();
  });

  it("reports new positions to waiting jobs, at most once a second", async () => {
    const clock = createFakeClock();
    const gate = startGated({ slots: 1, clock });
    await submit({ prompt: "runs [eog:1]" });
    const second = await submit({ prompt: "second" });
    const third = await submit({ prompt: "third" });
    const reader = open(third);
    expect(await readUntil(reader, "queued")).toMatchObject([{ type: "queued", position: 2 }]);
    gate.open();
    await untilRunning(second);
    clock.advance(1_000);
    expect(await readUntil(reader, "queued")).toMatchObject([{ type: "queued", position: 1 }]);
    await reader.return?.();
  });

  it("holds jobs while the model loads, and runs them when it is ready", async () => {
    start({ loadLater: true });
    const job = await submit({ prompt: "patience [eog:2]" });
    const reader = open(job);
    expect((await reader.next()).value).toMatchObject([{ type: "status", status: "loading" }]);
    worker.load();
    const events = await readUntil(reader, "end");
    expect(events.at(-1)).toMatchObject({ finish_reason: "stop" });
  });

  it("puts an error that only the model can detect into the stream if the model was loading", async () => {
    start({ loadLater: true, contextSize: 16 });
    const job = await submit({ prompt: "x".repeat(100) });
    worker.load();
    expect((await readAll(job)).at(-1)).toMatchObject({
      type: "error",
      code: "invalid_argument",
      details: { n_prompt_tokens: 101, n_ctx: 16 },
    });
  });
});

describe("readers", () => {
  it("cancel an inference at once when they leave", async () => {
    const gate = startGated({ slots: 1 });
    const job = await submit({ prompt: "long" }, "a", true);
    const reader = open(job);
    await gate.held();
    await reader.return?.();
    gate.open();
    await job.ended.promise;
    expect(outcomeOf(job)).toEqual({ type: "cancelled", by: "disconnect" });
  });

  it("may return within the grace period, which begins when the last reader has left", async () => {
    const clock = createFakeClock();
    startGated({ slots: 1, clock });
    const job = await submit({ prompt: "long" });
    const [first, second] = [open(job), open(job)];
    await first.return?.();
    clock.advance(10_000);
    expect(job.state.phase.name).not.toBe("ending");
    await second.return?.();
    clock.advance(4_999);
    const third = open(job);
    clock.advance(10_000);
    expect(job.state.phase.name).not.toBe("ending");
    await third.return?.();
    clock.advance(5_000);
    expect(job.state.phase).toMatchObject({ name: "ending", outcome: { type: "cancelled", by: "disconnect" } });
  });

  it("that never arrive end the job after a timeout, unless the job continues without readers", async () => {
    const clock = createFakeClock();
    startGated({ slots: 2, clock });
    const unclaimed = await submit({ prompt: "a" });
    const continued = await submit({ prompt: "b", on_disconnect: "continue" });
    clock.advance(30_000);
    expect(unclaimed.state.phase).toMatchObject({ name: "ending", outcome: { type: "cancelled", by: "unclaimed" } });
    expect(continued.state.phase.name).not.toBe("ending");
  });

  it("are cut off when they stop pulling; the job and its other readers continue", async () => {
    const clock = createFakeClock();
    start({ slots: 1, clock });
    const job = await submit({ prompt: "story [eog:50]" });
    let cutOff = 0;
    worker.dispatcher.openReader(job, -1, () => (cutOff += 1));
    const events = await readAll(job);
    expect(events.at(-1)).toMatchObject({ type: "end" });
    clock.advance(30_000);
    expect(cutOff).toBe(1);
  });

  it("get slow_consumer when they fall behind the replay buffer", async () => {
    start({ slots: 1, limits: { replayBufferBytes: 1_024 } });
    const job = await submit({ prompt: "story [eog:100]" });
    await job.ended.promise;
    const late = await readAll(job);
    expect(late.at(-1)).toMatchObject({ type: "error", code: "slow_consumer", retryable: false });
    // Reading from the same token fails again; tokens that are still in the buffer can be read.
    const { details } = late.at(-1) as ErrorEvent;
    const held = await readAll(job, Number(details?.["first_index"]) - 1);
    expect(held.at(-1)).toMatchObject({ type: "end" });
    const near = await readAll(job, 98);
    expect(near.at(-1)).toMatchObject({ type: "end" });
  });

  it("get a ping when nothing else comes", async () => {
    const clock = createFakeClock();
    start({ loadLater: true, clock });
    const reader = open(await submit({ prompt: "a" }));
    await reader.next();
    const next = reader.next();
    clock.advance(15_000);
    expect((await next).value).toEqual([]);
    await reader.return?.();
  });
});

describe("an engine that dies", () => {
  it("before a job has output: the job begins again on the next engine, with one start event", async () => {
    const gate = startGated({ slots: 1 });
    const job = await submit({ prompt: "A [eog:2]" });
    await untilRunning(job);
    worker.kill();
    expect(stateNameOf(job.state)).toBe("queued");
    gate.open();
    worker.load();
    const events = await readAll(job);
    expect(events.filter(({ type }) => type === "started")).toHaveLength(1);
    expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
  });

  it("before a submitted job began: the job runs on the next engine", async () => {
    start({ slots: 1 });
    const job = await submit({ prompt: "A [eog:2]" });
    expect(job.state.phase.name).toBe("running");
    worker.kill();
    expect(stateNameOf(job.state)).toBe("queued");
    expect(worker.dispatcher.position(job)).toBe(1);
    worker.load();
    expect((await readAll(job)).at(-1)).toMatchObject({ finish_reason: "stop" });
  });

  it("during the cancel of a job: the job ends as cancelled", async () => {
    const gate = startGated({ slots: 1 });
    const job = await submit({ prompt: "A" });
    await gate.held();
    worker.dispatcher.cancel(job, "client");
    worker.kill();
    expect(outcomeOf(job)).toEqual({ type: "cancelled", by: "client" });
  });
});

describe("leaving", () => {
  it("ends waiting jobs, lets running jobs finish, and accepts no new jobs", async () => {
    const gate = startGated({ slots: 1 });
    const running = await submit({ prompt: "A [eog:3]" });
    const waiting = await submit({ prompt: "B" });
    await untilRunning(running);
    worker.dispatcher.refuse(new WaggleError("unavailable", "leaving"));
    expect(outcomeOf(waiting)).toMatchObject({ type: "failed", code: "unavailable" });
    await expect(submit({ prompt: "C" })).rejects.toMatchObject({ code: "unavailable" });
    gate.open();
    await worker.dispatcher.idle();
    expect(outcomeOf(running)).toEqual({ type: "finished", by: "end" });
  });

  it("ends the jobs of a dead engine if no other engine follows", async () => {
    const gate = startGated({ slots: 2 });
    const silent = await submit({ prompt: "A" });
    await gate.held();
    worker.host.refuse();
    worker.kill();
    expect(outcomeOf(silent)).toMatchObject({ type: "failed", code: "unavailable" });
    await worker.dispatcher.idle();
  });

  it("ends all jobs at once on an abort", async () => {
    startGated({ slots: 1 });
    const jobs = [
      await submit({ prompt: "A" }),
      await submit({ prompt: "B" }),
      await submit({ prompt: "C", session_id: "s" }),
    ];
    worker.dispatcher.abort(new WaggleError("unavailable", "leaving"));
    expect(jobs.map((job) => stateNameOf(job.state))).toEqual(["failed", "failed", "failed"]);
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

function untilRunning(job: Job): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (job.state.startedAt === undefined) return;
      stop();
      resolve();
    };
    const stop = job.log.subscribe(look);
    look();
  });
}
