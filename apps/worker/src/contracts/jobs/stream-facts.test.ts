// Contracts about the facts in a stream: the expected time of its first token, the progress of its prompt, cached tokens, and its receipt.
import { createHash } from "node:crypto";
import { createStepGate } from "@waggle/engine/testing";
import { hasEnded } from "@waggle/jobs";
import type { Job } from "@waggle/jobs";
import type { EndEvent, GenerateRequestInput, StreamEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { beforeEach, describe, expect, test } from "vitest";
import { specOf } from "../../testing/spec-of.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

/** Duration of every pass. */
const passMs = 500;
const { worker, start, readAll } = useInlineWorker();
let clock: ReturnType<typeof createFakeClock>;
let gate: ReturnType<typeof createStepGate>;
beforeEach(() => {
  clock = createFakeClock();
  gate = createStepGate();
  start({ slots: 1, clock, gate });
});

/** About this time. All prompts share the model's start token, which is computed only once, so times differ by one token. */
const about = (ms: number): unknown => expect.closeTo(ms, -2);
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");
/** A unique prompt of 100 tokens, with the model's start token. */
const prompt = (name: string): string => `${name}${"x".repeat(98 - "[eog:1]".length)}[eog:1]`;

const submit = (request: GenerateRequestInput): Promise<Job> => worker.dispatcher.submit(specOf(request));

/** Releases passes one by one to the job's end. */
async function run(job: Job): Promise<StreamEvent[]> {
  const reading = readAll(job);
  while (!hasEnded(job)) {
    await Promise.race([gate.held(), job.ended.promise]);
    if (hasEnded(job)) break;
    clock.advance(passMs);
    gate.step();
    await new Promise((resolve) => setImmediate(resolve));
  }
  return await reading;
}

/** Runs three jobs of 1,000 ms. The 99 prompt tokens of each job take 500 ms. */
async function measure(): Promise<void> {
  for (const name of ["1", "2", "3"]) await run(await submit({ prompt: prompt(name) }));
}

const queuedOf = ({ log }: Job) => (log.waiting?.event.type === "queued" ? log.waiting.event : undefined);

describe("the time to the first token", () => {
  test("is in the event with the position, estimated from the times of jobs and prompts", async () => {
    await measure();
    const running = await submit({ prompt: prompt("4") });
    expect(queuedOf(running)).toMatchObject({ position: 0, eta_ms: about(500) });
    const [second, third] = [await submit({ prompt: prompt("5") }), await submit({ prompt: "y".repeat(395) })];
    expect(queuedOf(second)).toMatchObject({ position: 1, eta_ms: about(1_500) });
    expect(queuedOf(third)).toMatchObject({ position: 2, eta_ms: about(4_000) });
    await run(running);
    clock.advance(1_000);
    expect(queuedOf(third)).toMatchObject({ position: 1, eta_ms: about(3_000) });
  });

  test("is absent for embedding jobs, which have no tokens", async () => {
    await measure();
    await submit({ prompt: prompt("4") });
    const embed = { ...specOf({ prompt: "x" }), work: { kind: "embed", texts: ["a", "b"] } } as const;
    expect(queuedOf(await worker.dispatcher.submit(embed))).not.toHaveProperty("eta_ms");
  });
});

describe("a deadline that the queue cannot meet", () => {
  const refusal = { code: "deadline_exceeded", retryable: true, details: { estimate_ms: about(1_500) } };

  test("is refused at once, with the estimate, and no other job is affected", async () => {
    await measure();
    const running = await submit({ prompt: prompt("4"), session_id: "s" });
    const late = submit({ prompt: prompt("5"), deadline_ms: 1_400, session_id: "s" });
    await expect(late).rejects.toMatchObject(refusal);
    expect([worker.registry.liveCount, worker.dispatcher.waiting]).toEqual([1, 0]);
    expect((await run(running)).at(-1)).toMatchObject({ type: "end", finish_reason: "stop" });
  });

  test("is judged by the queue position of the job, or of the job that it supersedes", async () => {
    await measure();
    await submit({ prompt: prompt("4"), deadline_ms: 900 });
    await submit({ prompt: prompt("5"), session_id: "s" });
    await expect(submit({ prompt: prompt("6"), deadline_ms: 2_000 })).rejects.toMatchObject({
      details: { estimate_ms: about(2_500) },
    });
    await expect(submit({ prompt: prompt("6"), deadline_ms: 2_000, session_id: "s" })).resolves.toBeDefined();
  });

  test("applies only if the client set it: the worker's time limit refuses no job", async () => {
    await measure();
    await submit({ prompt: prompt("4") });
    const given = specOf({ prompt: prompt("5") });
    const ours = { ...given, when: { ...given.when, deadlineMs: 1, refusedIfLate: undefined } };
    await expect(worker.dispatcher.submit(ours)).resolves.toBeDefined();
  });
});

describe("a long prompt", () => {
  test("reports its progress between its start and its first token", async () => {
    const events = await run(await submit({ prompt: `${"x".repeat(1_600)}[eog:1]` }));
    const told = events.flatMap((event) => (event.type === "status" && event.prompt_progress ? [event] : []));
    expect(told.length).toBeGreaterThan(0);
    for (const { status, prompt_progress: progress } of told) {
      expect(status).toBe("thinking");
      expect(progress).toMatchObject({ total: 1_608, cached: 0 });
      expect(progress?.processed).toBeLessThan(1_608);
      expect(progress?.time_ms).toBeGreaterThanOrEqual(passMs);
    }
    const types = events.map(({ type }) => type);
    expect(types.lastIndexOf("status")).toBeLessThan(types.indexOf("token"));
    // Only the client of the job gets the progress.
    expect(worker.logLines.filter(({ msg }) => msg === "stream_status")).toHaveLength(1);
  });
});

describe("the receipt", () => {
  const endOf = (events: readonly StreamEvent[]): EndEvent => events.at(-1) as EndEvent;

  test("has the hash of the text, the seed and the used settings", async () => {
    const events = await run(await submit({ prompt: "né [unicode][eog:9]", top_k: 7, logit_bias: { "3": 1 } }));
    const text = events.map((event) => (event.type === "token" ? event.text : "")).join("");
    expect(text).not.toBe("");
    const { receipt } = endOf(events);
    expect(receipt).toMatchObject({ text_sha256: sha256(text), model_sha256: null, template_sha256: null });
    expect(receipt?.seed).toBe((events.find(({ type }) => type === "started") as { seed?: number }).seed);
    expect(receipt?.sampling).toMatchObject({ temperature: 0, top_k: 7, top_p: 0.95, logit_bias: { "3": 1 } });
    expect(receipt?.sampling).not.toHaveProperty("seed");
  });

  test("of a cancelled answer covers the output so far", async () => {
    const job = await submit({ prompt: "endless" });
    const reading = readAll(job);
    gate.step(3);
    while (job.log.nextToken < 3) await new Promise((resolve) => setImmediate(resolve));
    worker.dispatcher.cancel(job, "client");
    gate.open();
    const events = await reading;
    const text = events.map((event) => (event.type === "token" ? event.text : "")).join("");
    expect(endOf(events)).toMatchObject({ finish_reason: "cancelled", receipt: { text_sha256: sha256(text) } });
  });
});
