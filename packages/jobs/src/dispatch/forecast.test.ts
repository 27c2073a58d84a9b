import { SamplingSchema } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import { createForecast } from "./forecast.ts";
import type { Forecast } from "./forecast.ts";
import type { Job, JobCounts } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJob } from "../job/new-job.ts";

const spec: JobSpec = {
  model: "m",
  who: { client: "a", trace: "t" },
  when: { priority: 0, deadlineMs: 100, refusedIfLate: true, onDisconnect: "cancel", direct: false },
  work: {
    kind: "generate",
    prompt: { kind: "text", text: "x" },
    choices: 1,
    sampling: SamplingSchema.parse({ seed: 7 }),
    stop: [],
  },
};

/** Makes a job with 1,000 prompt tokens. */
function newJob(cachedTokens = 0): Job {
  const size = { promptTokens: 1_000, cachedTokens };
  return createJob(spec, { uid: "j", now: 0, replayBufferBytes: 1_024, phase: "queued", size });
}

/** Gives the job its slots. */
function take(forecast: Forecast, job: Job): void {
  job.state = { ...job.state, sequences: job.state.sequences.map((one) => ({ ...one, held: true })) };
  forecast.taken(job);
}

function measure(forecast: Forecast, counts: Partial<JobCounts>): void {
  const job = newJob();
  job.state = { ...job.state, counts: { ...job.state.counts, ...counts } };
  forecast.prefilled(job);
}

/** A forecast with a clock that stands still until `pass`. */
function setUp(ready = () => true) {
  let nowMs = 1_000;
  const queue: Job[] = [];
  const running: Job[] = [];
  let asked = 0;
  const forecast = createForecast({
    now: () => nowMs,
    ready,
    slots: () => Math.max(1, running.length),
    waiting() {
      asked += 1;
      return queue;
    },
    depth: () => queue.length,
    shares: true,
  });
  const pass = (ms: number): void => void (nowMs += ms);
  return {
    forecast,
    pass,
    /** Runs a job whose answer of 11 tokens takes this time. @param isCut whether the job asked for no more */
    run(ms: number, isCut = false): void {
      const job = newJob();
      take(forecast, job);
      const outcome = { type: "finished", by: "end" } as const;
      const counts = { ...job.state.counts, completionTokens: 11 };
      const sequences = job.state.sequences.map((one) => (isCut ? { ...one, stoppedBy: "max_tokens" as const } : one));
      job.state = { ...job.state, counts, sequences, firstTokenAt: nowMs, phase: { name: "ended", outcome } };
      pass(ms);
      forecast.freed(job);
    },
    /** Lets this number of jobs run from now on. */
    fill(jobs: number): void {
      for (let i = 0; i < jobs; i += 1) running.push(newJob());
      for (const job of running.slice(-jobs)) take(forecast, job);
    },
    /** Lets this number of jobs wait. */
    wait(jobs: number): void {
      for (let i = 0; i < jobs; i += 1) queue.push(newJob());
    },
    running,
    /** How often the forecast has asked for the waiting jobs. */
    asked: () => asked,
  };
}

describe("the forecast of the first token", () => {
  test("needs a ready engine; without one, a job with a deadline is accepted", () => {
    let ready = true;
    const { forecast } = setUp(() => ready);
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    expect(forecast.firstTokenMs(newJob(), 0)).toBe(500);
    expect(() => forecast.refuseLate(newJob(), () => 0)).toThrow("500 ms");
    ready = false;
    expect(forecast.firstTokenMs(newJob(), 0)).toBeUndefined();
    expect(() => forecast.refuseLate(newJob(), () => 0)).not.toThrow();
  });

  test("does not refuse a job that is expected in time, behind answers without a limit after answers that were cut off", () => {
    const { forecast, run, fill } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 1 });
    run(11, true);
    fill(1);
    const job = newJob();
    const when = { ...spec.when, deadlineMs: 1_000 };
    expect(forecast.firstTokenMs(job, 1)).toBeLessThan(when.deadlineMs);
    expect(() => forecast.refuseLate({ ...job, spec: { ...spec, when } }, () => 1)).not.toThrow();
  });

  test("uses only uncached prompt tokens", () => {
    const { forecast } = setUp();
    measure(forecast, { promptTokens: 10_000, cachedTokens: 9_000, prefillMs: 500 });
    expect(forecast.firstTokenMs(newJob(), 0)).toBe(500);
    expect(forecast.firstTokenMs(newJob(900), 0)).toBe(50);
  });

  test("is the wait for the jobs before it plus the time for the job's uncached tokens at the measured rate", () => {
    const { forecast, run, wait, fill } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    measure(forecast, { promptTokens: 3_000, prefillMs: 1_500 });
    run(1_000);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 0)).toBe(200);
    fill(1);
    wait(2);
    // Each job before it reads 1,000 tokens and writes as long as the last one.
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 3)).toBe(3 * 1_500 + 200);
  });

  test("needs the number of uncached tokens, and measured prompts and answers, or else measured steps", () => {
    const { forecast, run, fill } = setUp();
    fill(1);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 0)).toBeUndefined();
    forecast.measured({
      threads: [{ threads: 1, decode: [{ rows: 1, ms: 10 }], prompt: [{ tokens: 100, ms: 50 }] }],
      context: { row_ms: 0, tile_ms: 0 },
    });
    expect(forecast.firstTokenMs({ spec, uncachedTokens: undefined }, 0)).toBeUndefined();
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 0)).toBe(200);
    // The running job reads 1,000 tokens, and nothing says how long its answer becomes.
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 1)).toBe(500 + 255 * 10 + 200);
    run(1_000);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 1)).toBe(500 + 1_000 + 200);
  });

  test("behind jobs without an answer grows with their tokens", () => {
    const { forecast, pass, running } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    const embeds = [100, 4_000].map((promptTokens) => {
      const work = { kind: "embed", texts: ["a"] } as const;
      const size = { promptTokens, cachedTokens: 0 };
      return createJob({ ...spec, work }, { uid: "e", now: 0, replayBufferBytes: 1_024, phase: "queued", size });
    });
    for (const job of embeds) {
      take(forecast, job);
      running.splice(0, 1, job);
      expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 1)).toBe(job === embeds[0] ? undefined : 8_000 + 200);
      pass(200);
      job.state = { ...job.state, phase: { name: "ended", outcome: { type: "finished", by: "end" } } };
      forecast.freed(job);
    }
  });

  test("of a decide job is its end: at the rate of prompts, and then at that of decide jobs", () => {
    const { forecast, pass, running } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    const work = { kind: "decide", state: { messages: [] }, readings: [] } as const;
    const size = { promptTokens: 1_000, cachedTokens: 0 };
    const of = { uid: "d", now: 0, replayBufferBytes: 1_024, phase: "queued", size } as const;
    const job = createJob({ ...spec, work }, of);
    expect(forecast.firstTokenMs(job, 0)).toBe(500);
    running.push(job);
    take(forecast, job);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 1)).toBe(500 + 200);
    pass(900);
    job.state = { ...job.state, phase: { name: "ended", outcome: { type: "finished", by: "end" } } };
    forecast.freed(job);
    expect(forecast.firstTokenMs(job, 0)).toBe(900);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 0)).toBe(200);
    expect(() => forecast.refuseLate(job, () => 0)).toThrow("its end is expected in 900 ms");
  });

  test("shares the slots; a job that waits again has none", () => {
    const { forecast, run, fill, running, wait } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    run(4_000);
    fill(4);
    wait(4);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 4)).toBe(4_700);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 5)).toBe(9_200);
    forecast.putBack(running[0] as Job);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 400 }, 1)).toBe(200);
  });

  test("of long prompts does not change with short prompts, which take a step each", () => {
    const { forecast } = setUp();
    measure(forecast, { promptTokens: 1, prefillMs: 80 });
    measure(forecast, { promptTokens: 3, prefillMs: 120 });
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 20 }, 0)).toBe(100);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 2_000 }, 0)).toBeUndefined();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 20 }, 0)).toBe(100);
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 2_000 }, 0)).toBe(1_000);
  });

  test("asks once for the waiting jobs, and not for each of them or each position", () => {
    const { forecast, run, wait, fill, asked } = setUp();
    measure(forecast, { promptTokens: 1_000, prefillMs: 500 });
    run(1_000);
    fill(1);
    wait(2_000);
    for (let position = 1; position <= 2_001; position += 1)
      forecast.firstTokenMs({ spec, uncachedTokens: 400 }, position);
    expect(asked()).toBe(1);
  });

  test("uses the last 16 prompts", () => {
    const { forecast } = setUp();
    for (let i = 0; i < 20; i += 1) measure(forecast, { promptTokens: 1_000, prefillMs: 10_000 });
    for (let i = 0; i < 16; i += 1) measure(forecast, { promptTokens: 1_000, prefillMs: 100 });
    expect(forecast.firstTokenMs({ spec, uncachedTokens: 1_000 }, 0)).toBe(100);
  });
});

describe("a client that a full queue has refused tries again", () => {
  test("after one second if no job has ended yet and no job is late", () => {
    const { forecast, fill } = setUp();
    fill(8);
    expect(forecast.retryAfterS(64)).toBe(1);
  });

  test("later with more waiting and longer jobs, and earlier with more running jobs", () => {
    const { forecast, run, fill } = setUp();
    run(2_000);
    run(4_000);
    expect(forecast.retryAfterS(16)).toBe(12);
    expect(forecast.retryAfterS(40)).toBe(30);
    fill(6);
    expect(forecast.retryAfterS(40)).toBe(5);
  });

  test("after the time of at least one job", () => {
    const { forecast, run } = setUp();
    run(3_000);
    expect(forecast.retryAfterS(1)).toBe(3);
    expect(forecast.retryAfterS(0)).toBe(3);
  });

  test("after 1 to 60 seconds", () => {
    const { forecast, run, fill, pass } = setUp();
    run(1);
    fill(8);
    expect(forecast.retryAfterS(64)).toBe(1);
    run(600_000);
    expect(forecast.retryAfterS(64)).toBe(60);
    pass(3_600_000);
    expect(forecast.retryAfterS(64)).toBe(60);
  });

  test("once a stuck queue has been stuck for as long again, until a job moves", () => {
    const { forecast, fill, pass } = setUp();
    pass(7_000);
    expect(forecast.retryAfterS(10)).toBe(7);
    fill(1);
    expect(forecast.retryAfterS(10)).toBe(1);
    pass(600_000);
    forecast.waits();
    expect(forecast.retryAfterS(10)).toBe(1);
    pass(9_000);
    expect(forecast.retryAfterS(10)).toBe(9);
  });

  test("later by the delay beyond the usual duration of a job", () => {
    const { forecast, run, pass } = setUp();
    run(8_000);
    pass(8_000);
    expect(forecast.retryAfterS(4)).toBe(8);
    pass(5_000);
    expect(forecast.retryAfterS(4)).toBe(13);
  });

  test("at the speed of the last 16 jobs", () => {
    const { forecast, run } = setUp();
    for (let i = 0; i < 100; i += 1) run(1_000);
    for (let i = 0; i < 16; i += 1) run(9_000);
    expect(forecast.retryAfterS(4)).toBe(9);
  });
});
