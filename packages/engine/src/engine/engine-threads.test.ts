import { expect, test } from "vitest";
import {
  countTokens,
  isType,
  job,
  startEngine,
  submit,
  statsOf,
  type EngineHarnessOptions,
  withGenerator,
} from "../testing/engine-harness.ts";
import type { Engine } from "./engine.ts";

interface TimedOptions extends EngineHarnessOptions {
  readonly start: number;
  passMs(threads: number, tokens: number, pass: number): number;
}

/** Starts an engine whose passes take `passMs`. `asked` lists the numbers of threads that the engine set, in order. */
function startTimed({ start, passMs, ...options }: TimedOptions) {
  const asked: number[] = [];
  let ms = 0;
  let pass = 0;
  const harness = startEngine({
    threads: 4,
    ...options,
    now: () => ms,
    wrap: (fake) => ({
      ...withGenerator((generator) => ({
        step(entries, underway) {
          ms += passMs(asked.at(-1) ?? start, countTokens(entries), (pass += 1));
          return generator.step(entries, underway);
        },
      }))(fake),
      info: { ...fake.info, threads: start },
      setThreads(threads) {
        fake.setThreads(threads);
        asked.push(threads);
      },
    }),
  });
  const finish = async (...ids: string[]): Promise<void> => {
    for (const id of ids) submit(harness.engine, job(id, "Hello", { maxTokens: 200 }));
    await Promise.all(ids.map((id) => harness.untilJob(id, "finished")));
  };
  const logs = () => harness.events.filter(isType("log"));
  return { ...harness, asked, finish, logs, threads: () => statsOf(harness.events).map(({ threads }) => threads) };
}

/** Reports free cores until the engine uses them. */
function allFree(engine: Pick<Engine, "maintain">): void {
  for (let second = 0; second < 5; second++) engine.maintain(4);
}

test("a collapse lowers the number of threads, and is logged once", async () => {
  const { asked, finish, logs, threads } = startTimed({
    start: 4,
    passMs: (count, _, pass) => (pass > 100 && count === 4 ? 50 : 24 / count),
  });
  await finish("a");
  const fewer = "Threads: at most 3 (was 4), steps took many times longer than expected";
  expect(logs()).toEqual([{ type: "log", level: "info", message: fewer }]);
  expect(threads().at(-1)).toBe(3);
  expect(
    asked.filter((count, index) => count === asked[index - 1]),
    "`setThreads` is called for changes only",
  ).toEqual([]);
});

test("steps of different sizes have different numbers of threads, and each step reports the number that computed it", async () => {
  const computed: number[] = [];
  const times = (count: number, rows: number): number => (rows === 1 ? count * 9 : 30 / count);
  const columns = [1, 2].map((threads) => ({
    ...{ threads, prompt: [] },
    decode: [1, 2].map((rows) => ({ rows, ms: times(threads, rows) })),
  }));
  const { engine, events, finish } = startTimed({
    start: 1,
    threads: 2,
    stepCosts: { threads: columns, context: { row_ms: 0, tile_ms: 0 } },
    passMs(count, tokens) {
      computed.push(count);
      return times(count, tokens);
    },
  });
  allFree(engine);
  await finish("a");
  await finish("b", "c");
  await finish("d");
  const of = (rows: number): number[] =>
    statsOf(events).flatMap((stats) => (stats.tokens === rows && stats.decodeRows === rows ? [stats.threads] : []));
  expect(new Set(of(1).slice(-20))).toEqual(new Set([1]));
  expect(new Set(of(2).slice(-100))).toEqual(new Set([2]));
  expect(statsOf(events).map(({ threads }) => threads)).toEqual(computed);
});

test("the number of threads never exceeds maxThreads", async () => {
  const { engine, finish, threads } = startTimed({ start: 1, maxThreads: 2, passMs: (count) => 24 / count });
  allFree(engine);
  await finish("a");
  expect(Math.max(...threads())).toBe(2);
});

test("a pinned number of threads does not change", async () => {
  const { asked, finish, threads } = startTimed({
    start: 4,
    pinnedThreads: 2,
    passMs: (_, __, pass) => (pass < 50 ? 1 : 500),
  });
  await finish("a");
  expect(asked).toEqual([2]);
  expect(new Set(threads())).toEqual(new Set([2]));
});

test("a pinned number of threads above the backend's maximum becomes that maximum", async () => {
  const { finish, threads } = startTimed({ start: 4, pinnedThreads: 9, passMs: () => 1 });
  await finish("a");
  expect(new Set(threads())).toEqual(new Set([4]));
});

test("more threads are tried only when enough cores are reported free", async () => {
  const { engine, finish, threads } = startTimed({ start: 1, threads: 2, passMs: (count) => 10 / count });
  engine.maintain(1);
  await finish("a");
  expect(threads()).not.toContain(2);
  allFree(engine);
  await finish("b");
  expect(threads().at(-1)).toBe(2);
});
