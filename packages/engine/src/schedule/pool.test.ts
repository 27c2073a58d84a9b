// Tests a context pool that is too small for all jobs, through the whole engine. The fake backend refuses whatever exceeds the pool.
import { describe, expect, test } from "vitest";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { JobEvent } from "../port/messages.ts";
import {
  expectedText,
  isType,
  job,
  startEngine,
  statsOf,
  submit,
  withGenerator,
  type EngineHarness,
  type EngineHarnessOptions,
  type GivenJob,
} from "../testing/engine-harness.ts";

const prompt = (name: string, tokens: number): string => `${name} hums. `.repeat(tokens).slice(0, tokens - 1);

/** Starts an engine with three slots and a pool of 120 cells, of which one job may have all; 8 cells are left to each running job. */
function start(options: EngineHarnessOptions = {}): EngineHarness {
  const { limits, ...more } = options;
  return startEngine({
    slots: 3,
    contextSize: 120,
    contextPool: 120,
    limits: { headroomCells: 8, ...limits },
    ...more,
  });
}

/** Options with which a pass takes a millisecond per token, and a transfer takes one millisecond, so that transfers pay. */
function paced(
  more: (generator: TextGenerator) => Partial<TextGenerator> = () => ({}),
): Pick<EngineHarnessOptions, "now" | "wrap"> {
  let ms = 0;
  return {
    now: () => (ms += 1),
    wrap: withGenerator((generator) => ({
      async step(entries, underway) {
        for (const { tokens } of entries) ms += tokens.length;
        return await generator.step(entries, underway);
      },
      ...more(generator),
    })),
  };
}

/** Returns the types of all events in order, each with its job: "a started". Tokens in a row count once. */
function orderOf({ events }: EngineHarness, ...types: JobEvent["type"][]): string[] {
  return events
    .flatMap((event) => (event.type === "step" ? event.events : []))
    .filter(({ type }) => types.includes(type))
    .map(({ jobId, type }) => `${jobId} ${type}`)
    .filter((entry, i, all) => entry !== all[i - 1]);
}

/** Submits jobs of 30 prompt tokens, in this order, and returns when all have finished. */
async function runJobs(harness: EngineHarness, jobs: Readonly<Record<string, GivenJob>>): Promise<void> {
  for (const [name, given] of Object.entries(jobs)) submit(harness.engine, job(name, prompt(name, 30), given));
  await Promise.all(Object.keys(jobs).map((name) => harness.untilJob(name, "finished")));
}

function expectWhole(harness: EngineHarness, name: string, tokens: number): void {
  expect(harness.textOf(name)).toBe(expectedText(prompt(name, 30), tokens));
  const indexes = harness.of(name).flatMap((event) => (event.type === "token" ? [event.index] : []));
  expect(indexes).toEqual(indexes.map((_, i) => i));
}

describe("a job that does not fit into the context pool", () => {
  test("waits for room, and no later job overtakes it", async () => {
    const harness = start();
    submit(harness.engine, job("a", prompt("a", 60), { maxTokens: 20 }));
    submit(harness.engine, job("b", prompt("b", 60), { maxTokens: 20 }));
    submit(harness.engine, job("c", prompt("c", 10), { maxTokens: 4 }));
    await Promise.all(["a", "b", "c"].map((name) => harness.untilJob(name, "finished")));
    const order = orderOf(harness, "started", "finished", "parked");
    expect(order).toEqual(["a started", "a finished", "b started", "c started", "c finished", "b finished"]);
  });

  test("does not wait for the rest of the answers of running jobs", async () => {
    const harness = start({ gated: true });
    for (const name of ["a", "b"]) submit(harness.engine, job(name, prompt(name, 30), { maxTokens: 80 }));
    await harness.gate.held();
    harness.gate.open();
    await Promise.all(["a", "b"].map((name) => harness.untilJob(name, "token")));
    expect(orderOf(harness, "started", "finished")).toEqual(["a started", "b started"]);
  });

  test("begins if it is alone, and takes the cells of idle slots", async () => {
    const harness = start();
    for (const name of ["a", "b", "c"]) {
      await harness.run(job(name, prompt(name, 35), { maxTokens: 4 }));
    }
    await harness.run(job("d", prompt("d", 110), { maxTokens: 8 }));
    expect(harness.textOf("d")).toBe(expectedText(prompt("d", 110), 8));
    expect(
      (await harness.run(job("again", prompt("d", 60), { maxTokens: 4 }), "started")).cachedTokens,
      "the big job's own cells stay",
    ).toBe(59);
  });

  test("has the least recently used slot lose its last tokens, after it was saved", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ saved });
    for (const name of ["a", "b"]) {
      await harness.run(job(name, prompt(name, 50), { maxTokens: 2 }));
    }
    await harness.run(job("c", prompt("c", 30), { maxTokens: 2 }));
    expect(saved.log).toContain("save 0");
    expect(harness.backend.heldTokens(1).length, "the newer one stays").toBe(51);
    expect(harness.backend.heldTokens(0).length).toBeLessThan(51);
  });
});

describe("when the context pool is full", () => {
  test("the job of the lowest priority is parked, returns as soon as it fits, and every text is whole", async () => {
    const harness = start();
    await runJobs(harness, {
      a: { priority: 1, maxTokens: 40 },
      b: { priority: -1, maxTokens: 40 },
      c: { maxTokens: 15 },
    });
    expect(orderOf(harness, "parked")[0]).toBe("b parked");
    for (const [name, tokens] of [
      ["a", 40],
      ["b", 40],
      ["c", 15],
    ] as const)
      expectWhole(harness, name, tokens);
    expect(harness.of("b").filter(({ type }) => type === "started")).toHaveLength(1);
    expect(await harness.untilJob("b", "finished")).toMatchObject({ completionTokens: 40, promptTokens: 30 });
  });

  test("parked jobs return in their order, and before a new job begins", async () => {
    const harness = start();
    for (const name of ["a", "b", "c"]) submit(harness.engine, job(name, prompt(name, 30), { maxTokens: 60 }));
    await harness.untilJob("b", "parked");
    submit(harness.engine, job("new", "Hi", { maxTokens: 2 }));
    await Promise.all(["a", "b", "c", "new"].map((name) => harness.untilJob(name, "finished")));
    const order = orderOf(harness, "started", "parked", "finished", "token");
    const returned = (name: string): number => order.indexOf(`${name} token`, order.lastIndexOf(`${name} parked`));
    expect(order.indexOf("c parked")).toBeLessThan(order.indexOf("b parked"));
    expect(returned("c")).toBeLessThan(returned("b"));
    expect(returned("b")).toBeLessThan(order.indexOf("new started"));
    for (const name of ["a", "b", "c"]) expectWhole(harness, name, 60);
  });

  test("the numbers of cells and of parked jobs come with each pass", async () => {
    const harness = start();
    await runJobs(harness, { a: { maxTokens: 60 }, b: { maxTokens: 60 } });
    const stats = statsOf(harness.events);
    expect(Math.max(...stats.map(({ cells }) => cells))).toBeLessThanOrEqual(120);
    expect(Math.max(...stats.map(({ cells }) => cells))).toBeGreaterThan(110);
    expect(new Set(stats.map(({ parked }) => parked))).toEqual(new Set([0, 1]));
    const states = harness.events.flatMap((event) => (event.type === "step" ? (event.slots ?? []) : []));
    expect(states.filter(({ state }) => state === "parked")[0]).toMatchObject({ job_id: "b", prompt_tokens: 30 });
  });
});

describe("a parked job", () => {
  /** Runs a long job and this job, which is parked. */
  async function parkOne(harness: EngineHarness, given: GivenJob = {}): Promise<void> {
    submit(harness.engine, job("long", prompt("long", 30), { priority: 1, maxTokens: 80 }));
    await harness.run(job("b", prompt("b", 30), { maxTokens: 60, ...given }), "parked");
  }

  test("is loaded from its snapshot", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ saved, ...paced() });
    await parkOne(harness);
    await harness.untilJob("b", "finished");
    expectWhole(harness, "b", 60);
    expect(saved.log[0]).toBe("save 1");
    expect(saved.log).toContain("load 1");
  });

  test("is computed again without a snapshot", async () => {
    const harness = start();
    await parkOne(harness);
    await harness.untilJob("b", "finished");
    expectWhole(harness, "b", 60);
    const prompts = statsOf(harness.events).reduce((sum, { tokens, decodeRows }) => sum + tokens - decodeRows, 0);
    expect(prompts, "two prompts, and the second one again with its output").toBeGreaterThan(30 + 30 + 30 + 20);
  });

  test("ends at once when it is cancelled, and its slot is free", async () => {
    const harness = start();
    await parkOne(harness);
    const passes = statsOf(harness.events).length;
    harness.engine.handle({ type: "cancel", jobId: "b" });
    expect((await harness.untilJob("b", "cancelled")).steps).toBeLessThanOrEqual(1);
    expect(statsOf(harness.events).length - passes).toBeLessThanOrEqual(2);
    expect(harness.of("long").some(({ type }) => type === "finished")).toBe(false);
    await harness.untilJob("long", "finished");
    expect(harness.engine.busySlots).toBe(0);
  });

  test("ends when it is cancelled while its cells are freed", async () => {
    const harness = start({
      wrap: withGenerator((generator) => ({
        async cut(...given) {
          harness.engine.handle({ type: "cancel", jobId: "b" });
          return await generator.cut(...given);
        },
      })),
    });
    await parkOne(harness);
    await harness.untilJob("b", "cancelled");
    await harness.untilJob("long", "finished");
    expect(harness.events.filter(isType("broken"))).toEqual([]);
  });

  test("sends the logprobs of each token and of each prompt token once", async () => {
    const asked = { maxTokens: 60, topLogprobs: 1, promptLogprobs: true };
    const alone = start();
    await alone.run(job("b", prompt("b", 30), asked));
    const harness = start({ limits: { prefillBudget: 4, headroomCells: 1 } });
    // The second job's prompt is not computed when the pool is full.
    await harness.run(job("long", prompt("long", 84), { priority: 1, maxTokens: 34 }), "token");
    await harness.run(job("b", prompt("b", 30), asked), "parked");
    expect(orderOf(harness, "token").filter((entry) => entry.startsWith("b"))).toEqual([]);
    await harness.untilJob("b", "finished");
    expect(logprobsOf(harness)).toEqual(logprobsOf(alone));
    expect(promptLogprobsOf(harness)).toEqual(promptLogprobsOf(alone));
  });

  test("continues in each choice of a request with the choice's own random numbers", async () => {
    const sampling = { ...job("", "").work.sampling, temperature: 1, seed: 7 };
    const harness = start();
    harness.engine.handle({ type: "prepare", job: job("x", prompt("x", 30), { maxTokens: 50, choices: 3, sampling }) });
    const choices = [0, 1, 2].map((choice) => ({ jobId: `x${choice}`, choice }));
    harness.engine.handle({ type: "start", prepared: "x", choices });
    await Promise.all(choices.map(({ jobId }) => harness.untilJob(jobId, "finished")));
    expect(orderOf(harness, "parked").length).toBeGreaterThan(0);
    for (const { jobId, choice } of choices) {
      expect(harness.textOf(jobId)).toBe(expectedText(prompt("x", 30), 50, { ...sampling, seed: 7 + choice }));
    }
  });
});

function logprobsOf(harness: EngineHarness): unknown[] {
  return harness.of("b").flatMap((event) => (event.type === "token" ? (event.logprobs ?? []) : []));
}

function promptLogprobsOf(harness: EngineHarness): unknown[] {
  const parts = harness.of("b").flatMap((event) => (event.type === "prompt_logprobs" ? [event] : []));
  let next = 0;
  for (const { from, entries } of parts) {
    expect(from).toBe(next);
    next += entries.length;
  }
  return parts.flatMap(({ entries }) => entries);
}

describe("a prefix in a slot that can be copied", () => {
  test("is computed if the copy fails, and the engine continues", async () => {
    const harness = startEngine({
      ...{ slots: 2, contextSize: 120, copies: true, limits: { prefixStoreBytes: 0 } },
      ...paced((generator) => ({
        async copy(from, to, keep, held) {
          await generator.copy?.(from, to, keep, held);
          throw new Error("no memory");
        },
      })),
    });
    await harness.run(job("a", prompt("a", 60), { maxTokens: 4 }));
    await Promise.all([
      harness.run(job("b", `${prompt("a", 60)}x`, { maxTokens: 20 })),
      harness.run(job("c", `${prompt("a", 60)}y`, { maxTokens: 4 })),
    ]);
    expect(harness.textOf("c")).toBe(expectedText(`${prompt("a", 60)}y`, 4));
    const logs = harness.events.flatMap((event) => (event.type === "log" ? [event.message] : []));
    expect(logs).toContainEqual(expect.stringMatching(/^Cannot copy the KV cache of slot \d: no memory$/));
  });

  test("is copied from a slot that computes, without a store", async () => {
    const copies: string[] = [];
    const harness = startEngine({
      slots: 4,
      copies: true,
      limits: { prefillBudget: 16, prefixStoreBytes: 0 },
      ...paced((generator) => ({
        async copy(from, to, keep, held) {
          copies.push(`${from} to ${to}`);
          await generator.copy?.(from, to, keep, held);
        },
      })),
    });
    const texts = ["b", "c", "d"].map((name) => `${prompt("shared", 100)} ${name}`);
    await harness.run(job("first", `${prompt("shared", 100)} a`, { maxTokens: 60 }), "token");
    texts.forEach((text, i) => submit(harness.engine, job(`next${i}`, text)));
    await Promise.all(texts.map((_, i) => harness.untilJob(`next${i}`, "finished")));
    expect(copies).toHaveLength(3);
    for (const [i, text] of texts.entries()) {
      expect(harness.textOf(`next${i}`)).toBe(expectedText(text, 8));
      expect((await harness.untilJob(`next${i}`, "started")).cachedTokens).toBeGreaterThanOrEqual(100);
    }
  });
});
