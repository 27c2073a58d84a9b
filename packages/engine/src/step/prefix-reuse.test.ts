// Tests prefixes that one job computes and others load, in the whole engine. The fake backend's next token depends on every token before it.
import { deferred } from "@waggle/async";
import { describe, expect, test } from "vitest";
import type { EngineLimits } from "../engine/engine.ts";
import type { KvSnapshots } from "../port/kv.ts";
import { tokenizeFake } from "../fake/fake-model.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import type { EngineJob } from "../port/messages.ts";
import {
  expectedText,
  isType,
  job,
  startEngine,
  submit,
  statsOf,
  type EngineHarness,
  withGenerator,
} from "../testing/engine-harness.ts";

const shared = "The hive is warm and the bees are many. ".repeat(4);
const count = (text: string): number => tokenizeFake({ kind: "text", text }).length;
const sharedTokens = count(shared) - 1;
const own = (name: string): string => `${shared}Bee ${name} asks.`;
const names = ["a", "b", "c", "d", "e", "f", "g", "h"];

/** Starts an engine where a pass takes a millisecond per token, and a transfer takes one millisecond, so that loading a prefix pays. */
function start(options: Parameters<typeof startEngine>[0] = {}): EngineHarness {
  let ms = 0;
  return startEngine({
    slots: 8,
    now: () => (ms += 1),
    saved: createFakeKvSnapshots(),
    ...options,
    limits: { prefillBudget: 64, ...options.limits },
    wrap: (fake) => {
      const timed = withGenerator((generator) => ({
        async step(entries, underway) {
          for (const { tokens } of entries) ms += tokens.length;
          return await generator.step(entries, underway);
        },
      }));
      return timed(options.wrap?.(fake) ?? fake);
    },
  });
}

function computed({ events }: EngineHarness): number {
  return statsOf(events).reduce((sum, { tokens, decodeRows }) => sum + tokens - decodeRows, 0);
}

async function runAll(harness: EngineHarness, jobs: readonly EngineJob[]): Promise<void> {
  for (const each of jobs) submit(harness.engine, each);
  await Promise.all(jobs.map(({ jobId }) => harness.untilJob(jobId, "finished")));
}

async function runInTurn(harness: EngineHarness, jobs: readonly EngineJob[]): Promise<void> {
  for (const each of jobs) await runAll(harness, [each]);
}

/** Delays each save by a turn of the event loop, then calls `check`. */
function slow(states: KvSnapshots | undefined, check: () => void): KvSnapshots | undefined {
  if (states === undefined) return undefined;
  return {
    ...states,
    async save(...what) {
      await new Promise((resolve) => setImmediate(resolve));
      check();
      return await states.save(...what);
    },
  };
}

describe("a prefix that many jobs share", () => {
  test("is computed once, and each job has the text that it would have alone", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ saved });
    await runAll(
      harness,
      names.map((name) => job(name, own(name))),
    );
    for (const name of names) expect(harness.textOf(name)).toBe(expectedText(own(name), 8));
    // The first job may have computed one more chunk before the save.
    expect(computed(harness)).toBeLessThan(sharedTokens + names.length * (count(own("a")) - sharedTokens + 64));
    expect(saved.log.slice(0, 8).map((entry) => entry.slice(0, 4))).toEqual(["save", ...Array(7).fill("load")]);
    for (const name of names.slice(1)) {
      const { cachedTokens } = await harness.untilJob(name, "started");
      expect(cachedTokens).toBeGreaterThanOrEqual(sharedTokens);
    }
  });

  test("is never shared with another client", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ saved });
    await runAll(harness, [job("a", own("a")), job("b", own("b"), { cacheScope: "bob" })]);
    expect(saved.log.filter((entry) => entry.startsWith("load"))).toEqual([]);
    expect(await harness.untilJob("b", "started")).toMatchObject({ cachedTokens: 0 });
  });

  test("is computed by the next job when the first job is cancelled during its prefill", async () => {
    const harness = start({ gated: true });
    for (const name of ["a", "b", "c"]) submit(harness.engine, job(name, own(name)));
    await harness.gate.held();
    harness.gate.step();
    await harness.gate.held();
    expect(harness.of("b"), "waits for the prefix of the first job").toEqual([]);
    harness.engine.handle({ type: "cancel", jobId: "a" });
    harness.gate.open();
    await Promise.all([harness.untilJob("b", "finished"), harness.untilJob("c", "finished")]);
    for (const name of ["b", "c"]) expect(harness.textOf(name)).toBe(expectedText(own(name), 8));
  });

  test("does not keep the slot of a job that is cancelled while it waits for the prefix", async () => {
    const harness = start({ gated: true });
    for (const name of ["a", "b"]) submit(harness.engine, job(name, own(name)));
    await harness.gate.held();
    harness.engine.handle({ type: "cancel", jobId: "b" });
    harness.gate.open();
    await harness.untilJob("a", "finished");
    expect(harness.of("b")).toMatchObject([{ type: "cancelled", completionTokens: 0, cachedTokens: 0 }]);
    await runAll(harness, [job("next", own("b"))]);
    expect(harness.textOf("next")).toBe(expectedText(own("b"), 8));
  });

  test("causes at most as many transfers per scheduling point as there are waiting jobs per stream", async () => {
    const saved = createFakeKvSnapshots();
    const transfersAt: number[] = [];
    const harness = start({
      saved,
      onEvent(event) {
        if (event.type === "step" && event.stats !== undefined) transfersAt.push(saved.log.length);
      },
    });
    const long = ["x", "y", "z"].map((name) => job(name, `${name} hums.`, { maxTokens: 200 }));
    for (const each of long) submit(harness.engine, each);
    await Promise.all(long.map(({ jobId }) => harness.untilJob(jobId, "token")));
    await runAll(
      harness,
      names.slice(3).map((name) => job(name, own(name))),
    );
    const perStep = transfersAt.map((total, i) => total - (transfersAt[i - 1] ?? 0));
    expect(Math.max(...perStep), "at most four jobs wait for three streams").toBe(1);
    expect(saved.log.slice(0, 5)).toEqual(["save 3", "load 4", "load 5", "load 6", "load 7"]);
  });

  test("does not delay the events of the last pass while it is saved", async () => {
    const saved = createFakeKvSnapshots();
    const tokensAtSave: number[] = [];
    const harness = start({
      saved,
      slots: 2,
      wrap: withGenerator((generator) => ({ states: slow(generator.states, () => tokensAtSave.push(tokensOf("b"))) })),
    });
    const tokensOf = (jobId: string): number => harness.of(jobId).filter(({ type }) => type === "token").length;
    await runAll(harness, [job("a", own("a"))]);
    await runAll(harness, [job("b", `b ${shared}`)]);
    // The save began right after the first token's pass.
    expect(tokensAtSave).toEqual([1]);
  });

  test("is saved from an idle slot while other slots run, and at maintenance of an idle engine", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ saved, slots: 2 });
    submit(harness.engine, job("long", "Hum.", { maxTokens: 60 }));
    await runAll(harness, [job("a", own("a"))]);
    await harness.untilJob("long", "finished");
    expect(saved.log).toEqual(["save 1"]);

    const quiet = createFakeKvSnapshots();
    const alone = start({ saved: quiet, slots: 1 });
    await runAll(alone, [job("a", own("a"))]);
    alone.engine.maintain();
    expect(quiet.log, "the engine has computed since the last maintenance").toEqual([]);
    alone.engine.maintain();
    await alone.until(isType("prefix_store"));
    expect(quiet.log).toEqual(["save 0"]);
  });
});

describe("a job whose prefix is worth saving again and again", () => {
  /** Fails the save after 20 saves: otherwise an endless loop would hang the test. */
  function counted(states: KvSnapshots | undefined, loadMs: (tokens: number) => void): KvSnapshots | undefined {
    if (states === undefined) return undefined;
    let saves = 0;
    return {
      ...states,
      async save(...what) {
        saves += 1;
        if (saves > 20) throw new Error("saved more than 20 times");
        return await states.save(...what);
      },
      async load(id, state) {
        loadMs(state.entries.length);
        return await states.load(id, state);
      },
    };
  }

  test("begins even if the store has room for only one snapshot, so that each save evicts the snapshot to load", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({
      saved,
      slots: 2,
      limits: { prefixStoreBytes: sharedTokens + 40 },
      wrap: withGenerator((generator) => ({ states: counted(generator.states, () => {}) })),
    });
    submit(harness.engine, job("busy", own("a"), { maxTokens: 20 }));
    await runAll(harness, [job("other", `Others hum. ${shared}`)]);
    await harness.untilJob("busy", "finished");
    await harness.run(job("again", `${own("a")} Or not?`, { maxTokens: 20 }), "token");
    await runAll(harness, [job("b", own("b"))]);
    expect(harness.textOf("b")).toBe(expectedText(own("b"), 8));
    expect(harness.events.filter(isType("log"))).toEqual([]);
    expect(saved.log.filter((entry) => entry.startsWith("save")).length).toBeLessThanOrEqual(6);
  });

  test("loads the snapshot that was saved for it, not a long snapshot that shares one more token", async () => {
    let ms = 0;
    const saved = createFakeKvSnapshots();
    const harness = startEngine({
      slots: 3,
      contextSize: 2_048,
      now: () => (ms += 0.01),
      saved,
      limits: { prefillBudget: 64 },
      wrap: withGenerator((generator) => ({
        async step(entries, underway) {
          for (const { tokens } of entries) ms += tokens.length;
          return await generator.step(entries, underway);
        },
        // Loading takes 0.3 ms per token, so loading the long snapshot takes longer than computing the prefix.
        states: counted(generator.states, (tokens) => (ms += 0.3 * tokens)),
      })),
    });
    await runAll(harness, [job("long", `${shared}${"Long ago. ".repeat(60)}`)]);
    harness.engine.maintain();
    harness.engine.maintain();
    await harness.until(isType("prefix_store"));
    for (const name of ["a", "b"]) {
      await harness.run(job(name, shared + name, { maxTokens: 300 }), "token");
    }
    await runAll(harness, [job("c", `${shared}c`)]);
    expect(harness.textOf("c")).toBe(expectedText(`${shared}c`, 8));
    expect(saved.log, "the first load is of the long snapshot, because no load was measured before").toEqual([
      "save 0",
      "load 1",
      "save 0",
      "load 2",
    ]);
  });
});

describe("the cache of a conversation whose slot was taken", () => {
  const turn = (name: string): EngineJob => job(name, `${name}: ${shared}`, { sessionId: name });
  const nextPrompt = (harness: EngineHarness, name: string): string =>
    `${name}: ${shared}${harness.textOf(name)} And then?`;
  const nextTurn = (harness: EngineHarness, name: string): EngineJob =>
    job(`${name}2`, nextPrompt(harness, name), { sessionId: name });

  test("is loaded again", async () => {
    const harness = start({ slots: 1 });
    await runInTurn(harness, [turn("a"), turn("b"), turn("c")]);
    await runAll(harness, [nextTurn(harness, "a")]);
    const { cachedTokens } = await harness.untilJob("a2", "started");
    expect(cachedTokens).toBeGreaterThanOrEqual(sharedTokens);
    expect(harness.textOf("a2")).toBe(expectedText(nextPrompt(harness, "a"), 8));
  });

  test("is loaded for each of several conversations in turn", async () => {
    const harness = start({ slots: 2 });
    const round = (turns: string): EngineJob[] => names.map((name) => ({ ...turn(name), jobId: `${name}${turns}` }));
    await runInTurn(harness, round("1"));
    await runInTurn(harness, round("2"));
    for (const { jobId } of round("2")) {
      const { cachedTokens } = await harness.untilJob(jobId, "started");
      expect(cachedTokens, jobId).toBeGreaterThanOrEqual(sharedTokens);
    }
  });

  test("is loaded in a new engine", async () => {
    const saved = createFakeKvSnapshots();
    const before = start({ slots: 1, saved });
    await runInTurn(before, [turn("a"), turn("b")]);
    const after = start({ slots: 1, saved });
    await runAll(after, [nextTurn(before, "a")]);
    const { cachedTokens } = await after.untilJob("a2", "started");
    expect(cachedTokens).toBeGreaterThanOrEqual(sharedTokens);
  });

  test("is computed again when its snapshot is damaged, and the damaged snapshot is not tried again", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ slots: 1, saved });
    await runInTurn(harness, [turn("a"), turn("b")]);
    saved.damageAll();
    await runAll(harness, [nextTurn(harness, "a")]);
    expect(await harness.untilJob("a2", "started")).toMatchObject({ cachedTokens: 0 });
    expect(harness.textOf("a2")).toBe(expectedText(nextPrompt(harness, "a"), 8));
    expect(harness.events.filter(isType("prefix_store")).map(({ operation }) => operation)).toContain("damaged");
    expect(saved.log.filter((entry) => entry.startsWith("damaged"))).toHaveLength(1);
  });

  test("is computed again when saving failed, which is logged once", async () => {
    const saved = createFakeKvSnapshots();
    saved.failSaves(true);
    const harness = start({ slots: 1, saved });
    await runInTurn(harness, [turn("a"), turn("b"), turn("c")]);
    expect(harness.events.filter(isType("log"))).toMatchObject([
      { level: "warn", message: "Cannot save the KV cache of slot 0: no space left on device" },
    ]);
    await runAll(harness, [nextTurn(harness, "a")]);
    expect(harness.textOf("a2")).toBe(expectedText(nextPrompt(harness, "a"), 8));
  });

  test("is evicted for other caches beyond the limit of bytes", async () => {
    const saved = createFakeKvSnapshots();
    const limit = 3 * (sharedTokens + 20);
    const harness = start({ slots: 1, saved, limits: { prefixStoreBytes: limit } });
    await runInTurn(harness, names.map(turn));
    expect(saved.all.length).toBe(3);
    expect(saved.all.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(limit);
    expect(harness.events.findLast(isType("prefix_store"))).toMatchObject({ operation: "save", states: 3 });
  });

  test("is not saved with a limit of 0 bytes", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ slots: 1, saved, limits: { prefixStoreBytes: 0 } });
    await runInTurn(harness, names.map(turn));
    expect(saved.log).toEqual([]);
  });

  test("is not saved if it would exceed the limit alone", async () => {
    const saved = createFakeKvSnapshots();
    const harness = start({ slots: 1, saved, limits: { prefixStoreBytes: 20 } });
    await runInTurn(harness, names.map(turn));
    expect(saved.log).toEqual([]);
  });

  test("is reported while it is saved, up to a limit, and not saved again in a slow folder, nor by the next engine", async () => {
    const [saved, saving, slowly] = [createFakeKvSnapshots(), deferred<void>(), deferred<void>()];
    let ms = 0;
    const engineWith = (limits: Partial<EngineLimits>): EngineHarness =>
      startEngine({
        ...{ slots: 1, contextSize: 2_048, now: () => (ms += 0.01), saved, limits },
        wrap: withGenerator(({ states }) => ({
          states: states && {
            ...states,
            async save(...what) {
              saving.resolve();
              await slowly.promise;
              return await states.save(...what);
            },
          },
        })),
      });
    const first = engineWith({});
    await runAll(first, [turn("a")]);
    submit(first.engine, turn("b"));
    await saving.promise;
    const reports = (): number[] =>
      first.events
        .filter(isType("prefix_store"))
        .flatMap((event) => (event.operation === "underway" ? [event.ms] : []));
    for (const at of [50_000, 60_000, 20_000]) {
      ms += at;
      first.engine.maintain();
    }
    expect(reports().map((each) => Math.round(each / 1_000))).toEqual([50, 110]);
    slowly.resolve();
    await first.untilJob("b", "finished");
    await runAll(first, [turn("c")]);
    expect(saved.log).toEqual(["save 0"]);

    const { tokens = 1, ms: lastMs = 0 } = first.events.findLast(isType("prefix_store")) ?? {};
    await runInTurn(engineWith({ prefixStoreTokenMs: lastMs / tokens }), [turn("d"), turn("e")]);
    expect(saved.log).toEqual(["save 0"]);
  });
});
