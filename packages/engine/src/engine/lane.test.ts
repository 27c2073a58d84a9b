// Tests lane jobs in the whole engine: they take what foreground jobs leave, and give slots, pool and steps back at the next scheduling point.
import { deferred, type Deferred } from "@waggle/async";
import { lanePriority, type StepCosts } from "@waggle/protocol";
import { describe, expect, test } from "vitest";
import type { FakeBackend } from "../fake/fake-backend.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import type { EngineEvent, EngineJob } from "../port/messages.ts";
import type { BatchEntry } from "../port/steps.ts";
import {
  embedJob,
  expectedText,
  fakePicture,
  isType,
  job,
  sampling,
  startEngine,
  submit,
  withGenerator,
  type EngineHarness,
  type EngineHarnessOptions,
  type GivenJob,
} from "../testing/engine-harness.ts";

const lane = { priority: lanePriority };
const endless = { maxTokens: 200, sampling: sampling({ ignore_eos: true }) };
const laneJob = (jobId: string, text = jobId, given: GivenJob = {}): EngineJob =>
  job(jobId, text, { ...endless, ...lane, ...given });
/** A job with a picture, which is named like the job. */
const seeing = (jobId: string, given: GivenJob): EngineJob =>
  job(jobId, "", {
    ...given,
    prompt: { kind: "pieces", pieces: [{ type: "image", picture: 0 }, " ?"] },
    pictures: [fakePicture(jobId)],
  });
const stream = (jobId: string, given: GivenJob = {}): EngineJob => job(jobId, jobId, { ...endless, ...given });

const costs = (...decode: readonly [rows: number, ms: number][]): StepCosts => ({
  threads: [{ threads: 1, decode: decode.map(([rows, ms]) => ({ rows, ms })), prompt: [{ tokens: 64, ms: 400 }] }],
  context: { row_ms: 0, tile_ms: 0 },
});
/** A second row is free; on the other machine it takes as long as the first. */
const freeRow = costs([1, 10], [2, 10], [3, 20]);
const dearRow = costs([1, 10], [2, 20], [3, 30]);

/** Starts an engine with a clock on which a step takes `msOf`. */
function start(
  { wrap, ...options }: EngineHarnessOptions = {},
  msOf: (entries: readonly BatchEntry[]) => number = () => 10,
) {
  let ms = 0;
  const steps: (readonly BatchEntry[])[] = [];
  const harness = startEngine({
    ...{ slots: 2, contextSize: 512, now: () => ms, ...options },
    limits: { guesses: false, ...options.limits },
    wrap: (backend) =>
      withGenerator((generator) => ({
        async step(entries, underway) {
          steps.push(entries);
          ms += msOf(entries);
          return await generator.step(entries, underway);
        },
      }))(wrap?.(backend) ?? backend),
  });
  return { ...harness, steps };
}

const typesOf = (harness: EngineHarness, jobId: string): string[] => [
  ...new Set(harness.of(jobId).map(({ type }) => type)),
];
/** The starts and ends of all jobs, in order. */
const orderOf = ({ events }: EngineHarness): string[] =>
  events
    .flatMap((event) => (event.type === "step" ? event.events : []))
    .flatMap(({ type, jobId }) => (type === "started" || type === "finished" ? [`${jobId} ${type}`] : []));
const countTokensOf = (harness: EngineHarness, jobId: string): number =>
  harness.of(jobId).reduce((sum, event) => sum + (event.type === "token" ? event.n : 0), 0);

describe("next to a stream", () => {
  test.each([
    ["a lane row joins each step where it is free", freeRow, true],
    ["a lane row that is not free waits until the stream ends", dearRow, false],
  ])("%s", async (_, stepCosts, isFree) => {
    const harness = start({ stepCosts });
    await harness.run(laneJob("batch"), "token");
    await harness.run(stream("chat"));
    const had = countTokensOf(harness, "batch");
    await harness.untilJob("batch", "finished");
    const shared = harness.steps.filter(({ length }) => length === 2);
    expect(had > 100).toBe(isFree);
    expect(shared.length > 100).toBe(isFree);
    if (!isFree) expect(shared).toEqual([]);
    expect(harness.textOf("batch")).toBe(expectedText("batch", 200, { ignore_eos: true }));
  });

  test("a lane job leaves a foreground cache that is not saved, and takes it when it is alone", async () => {
    const harness = start({ limits: { prefixStoreBytes: 0 } });
    await harness.run(job("chat", "a chat that continues"));
    await harness.run(laneJob("line"));
    expect(await harness.run(stream("other"), "started"), "not the chat's slot").toMatchObject({ slot: 1 });
    submit(harness.engine, laneJob("batch"));
    await harness.untilJob("batch", "finished");
    expect(orderOf(harness)).toEqual(
      ["chat", "line", "other", "batch"].flatMap((name) => [`${name} started`, `${name} finished`]),
    );
  });

  test("a lane job copies no prefix, and computes it", async () => {
    let copies = 0;
    const wrap = withGenerator<FakeBackend>((generator) => ({
      async copy(...given) {
        copies += 1;
        await generator.copy?.(...given);
      },
    }));
    const harness = start({ slots: 3, copies: true, stepCosts: costs([1, 10], [3, 10]), wrap });
    const shared = "The bees of this hive are many. ".repeat(4);
    await harness.run(laneJob("first", `${shared}1`, { maxTokens: 400 }), "token");
    await harness.run(stream("chat", { maxTokens: 300 }), "token");
    await harness.run(laneJob("second", `${shared}2`), "token");
    await harness.untilJob("first", "finished");
    expect([copies, harness.of("second")[0]]).toEqual([0, expect.objectContaining({ cachedTokens: 0 })]);
  });

  test("tokenized texts and pictures of lane jobs wait without work for the engine", async () => {
    const gate = deferred<void>();
    const encodings: string[] = [];
    const harness = start({
      readsPictures: true,
      async encodeGate({ id }) {
        encodings.push(id === fakePicture("chat").sha256 ? "chat" : "batch");
        await gate.promise;
      },
    });
    await harness.run(stream("first", { maxTokens: 1 }));
    submit(harness.engine, seeing("seen", lane));
    while (encodings.length === 0) await new Promise(setImmediate);
    submit(harness.engine, seeing("chat", {}));
    submit(harness.engine, { ...embedJob("texts", "a bee"), ...lane });
    while (encodings.length === 1) await new Promise(setImmediate);
    expect(encodings, "the lane's encoding is given up").toEqual(["batch", "chat"]);
    await harness.run(embedJob("own", "a wasp"));
    expect(typesOf(harness, "texts")).toEqual([]);
    gate.resolve();
    await Promise.all(["texts", "seen"].map((name) => harness.untilJob(name, "finished")));
    expect(orderOf(harness).slice(-4, -3)).toEqual(["chat finished"]);
  });
});

test("a foreground job begins at the scheduling point at which a lane job's slot is freed, before lane jobs that wait", async () => {
  const harness = start({ gated: true });
  for (const name of ["l1", "l2", "l3"]) submit(harness.engine, laneJob(name));
  await harness.gate.held();
  harness.engine.handle({ type: "prepare", job: stream("chat") });
  await harness.until(isType("prepared"));
  harness.engine.handle({ type: "cancel", jobId: "l2" });
  harness.engine.handle({ type: "start", prepared: "chat", choices: [{ jobId: "chat", choice: 0 }] });
  harness.gate.step();
  await harness.gate.held();
  expect([typesOf(harness, "l2"), typesOf(harness, "chat"), typesOf(harness, "l3")]).toEqual([
    ["started", "cancelled"],
    ["started"],
    [],
  ]);
  expect(
    harness.steps.at(-1)?.map(({ slot }) => slot),
    "the step computes only the chat's prompt",
  ).toEqual([1]);
});

test("the preparation of a foreground job comes before those of lane jobs that wait, and a slot is kept for the job", async () => {
  const gates = new Map<string, Deferred<void>>();
  const prepared: string[] = [];
  const harness = start({
    readsPictures: true,
    async pictureGate({ sha256 }) {
      const name = ["l", "m", "chat"].find((each) => fakePicture(each).sha256 === sha256) ?? "";
      prepared.push(name);
      const gate = deferred<void>();
      gates.set(name, gate);
      await gate.promise;
    },
  });
  for (const name of ["l", "m", "chat"]) submit(harness.engine, seeing(name, name === "chat" ? {} : lane));
  for (const name of ["l", "chat"]) {
    while (!gates.has(name)) await new Promise(setImmediate);
    if (name === "chat") submit(harness.engine, laneJob("text"));
    gates.get(name)?.resolve();
  }
  expect(prepared.slice(0, 2)).toEqual(["l", "chat"]);
  await harness.untilJob("chat", "finished");
  while (!gates.has("m")) await new Promise(setImmediate);
  gates.get("m")?.resolve();
  await harness.untilJob("m", "finished");
  const order = orderOf(harness);
  expect(order.indexOf("chat started")).toBeLessThan(order.indexOf("text started"));
});

describe("the context pool", () => {
  const pooled = { slots: 3, contextSize: 120, contextPool: 120, limits: { headroomCells: 8 } };
  const prompt = (name: string, tokens: number): string => `${name} hums. `.repeat(tokens).slice(0, tokens - 1);

  test("goes to a foreground job at once, which no preempted lane job keeps waiting, and every text is whole", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ ...pooled, saved, stepCosts: dearRow });
    for (const name of ["l1", "l2"]) submit(harness.engine, laneJob(name, prompt(name, 30), { maxTokens: 40 }));
    await Promise.all(["l1", "l2"].map((name) => harness.untilJob(name, "token")));
    const before = harness.steps.length;
    await harness.run(job("chat", prompt("chat", 100), { maxTokens: 8 }), "token");
    const own = harness.steps.slice(before).findIndex((entries) => entries.some(({ slot }) => slot === 2));
    expect(own, "steps before the chat's first one").toBeLessThanOrEqual(2);
    await harness.run(job("second", prompt("second", 60), { maxTokens: 8 }), "finished");
    await Promise.all(["l1", "l2"].map((name) => harness.untilJob(name, "finished")));
    for (const name of ["l1", "l2"]) {
      expect(typesOf(harness, name)).toContain("parked");
      expect(harness.textOf(name)).toBe(expectedText(prompt(name, 30), 40));
    }
    const saves = saved.log.filter((entry) => entry.startsWith("save"));
    expect(new Set(saves), "no lane cache is saved").toEqual(new Set(["save 2"]));
  });

  test("has room for a foreground snapshot where lane jobs are", async () => {
    const harness = start({
      ...pooled,
      contextSize: 100,
      contextPool: 120,
      saved: createFakeKvSnapshots(),
      stepCosts: dearRow,
    });
    const chat = prompt("chat", 60);
    await harness.run(job("chat", chat, { maxTokens: 4 }));
    await harness.run(laneJob("batch", prompt("batch", 90), { maxTokens: 9 }), "token");
    const { cachedTokens } = await harness.run(job("again", `${chat} more`, { maxTokens: 4 }), "started");
    expect(cachedTokens).toBeGreaterThanOrEqual(60);
    await harness.untilJob("batch", "finished");
  });
});

test("a foreground job computes a prefix that a lane job was reading, and does not wait for it", async () => {
  const harness = start({ copies: true, stepCosts: dearRow, limits: { prefillBudget: 8 }, gated: true });
  const shared = "The bees of this hive are many. ".repeat(8);
  submit(harness.engine, laneJob("batch", `${shared}a`));
  await harness.gate.held();
  submit(harness.engine, job("chat", `${shared}b`));
  harness.gate.open();
  await harness.untilJob("chat", "finished");
  expect(countTokensOf(harness, "batch")).toBe(0);
  await harness.untilJob("batch", "finished");
});

test("alone, lane jobs take as many steps as foreground jobs", async () => {
  const stepsOf = async (given: GivenJob): Promise<number> => {
    const harness = start({ slots: 4, copies: true, stepCosts: costs([1, 10], [4, 16]) });
    const names = Array.from({ length: 12 }, (_, i) => `${"A hive of bees. ".repeat(12)}${i}`);
    for (const name of names) submit(harness.engine, job(name, name, { ...endless, maxTokens: 40, ...given }));
    await Promise.all(names.map((name) => harness.untilJob(name, "finished")));
    return harness.steps.length;
  };
  expect((await stepsOf(lane)) / (await stepsOf({}))).toBeLessThan(1.03);
});

test("two clients share the lane's time equally", async () => {
  let [alice, bob] = [0, 0];
  const reached = deferred<void>();
  const harness = start(
    { slots: 6, contextSize: 1_024, stepCosts: costs([1, 20], [2, 40], [3, 60], [4, 80]), onEvent: count },
    (entries) => 20 * entries.length,
  );
  function count(event: EngineEvent): void {
    for (const each of event.type === "step" ? event.events : []) {
      if (each.type === "token" && each.jobId.startsWith("a")) alice += each.n;
      if (each.type === "token" && each.jobId.startsWith("b")) bob += each.n;
    }
    if (bob > 100) reached.resolve();
  }
  for (const name of ["a1", "a2", "a3", "b1"]) {
    const cacheScope = name.startsWith("a") ? "alice" : "bob";
    submit(harness.engine, laneJob(name, name, { maxTokens: 900, cacheScope }));
  }
  await reached.promise;
  expect(alice / bob).toBeLessThan(1.3);
});
