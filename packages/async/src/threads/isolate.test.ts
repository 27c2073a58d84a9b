// Tests isolates with real threads, and with fake threads that the tests control.
import { afterEach, describe, expect, test, vi } from "vitest";
import type { IsolateThreadEvents } from "./isolate-thread.ts";
import { createIsolate, type Isolate, type IsolateLimits, type IsolateOptions } from "./isolate.ts";

const open: Isolate<never, never>[] = [];
afterEach(async () => {
  vi.useRealTimers();
  await Promise.all(open.splice(0).map((isolate) => isolate.close()));
});

const thread = { name: "task-thread", caller: new URL("../testing/x.ts", import.meta.url).href };
const limits: IsolateLimits = { startMs: 10_000, waiting: 4, heapMiB: 64, stackMiB: 4 };
/** For real threads, which need a while on a busy machine. */
const limitMs = 120_000;
const patient: IsolateLimits = { ...limits, startMs: 120_000 };

function create<Task>(options: Partial<IsolateOptions<Task, number, Task>> = {}): Isolate<Task, number> {
  const isolate = createIsolate<Task, number>({ thread, limits: patient, ...options });
  open.push(isolate as Isolate<never, never>);
  return isolate;
}

describe("a real thread", () => {
  test("is killed at a limit, and the next task runs on another thread", async () => {
    const isolate = create<number | string>();
    const reasonOf = async (task: string, ms = limitMs): Promise<unknown> =>
      await isolate
        .run(task, { limitMs: ms })
        .catch((error: { reason: string; message: string }) => [error.reason, error.message]);
    expect(await isolate.run(2, { limitMs })).toBe(4);
    expect(await reasonOf("throw")).toEqual(["failed", "thrown"]);
    const ends = [reasonOf("loop", 50), isolate.run(3, { limitMs })];
    expect(await Promise.all(ends)).toEqual([["too_slow", "it takes more than 50 ms"], 6]);
    expect(await reasonOf("grow")).toEqual(["out_of_memory", "it takes more than 64 MiB of memory"]);
    expect(await reasonOf("exit")).toEqual(["failed", "its thread has ended"]);
    expect(await isolate.run(4, { limitMs })).toBe(8);
  });

  test("a value that is not plain data is rejected, and the next value is accepted", async () => {
    const isolate = create<unknown>();
    await expect(isolate.run(() => 1, { limitMs })).rejects.toMatchObject({ reason: "not_data" });
    expect(await isolate.run(1, { limitMs })).toBe(2);
  });

  test("buffers of the message and of the result are moved instead of copied", async () => {
    const isolate = createIsolate<Uint8Array<ArrayBuffer>, { bytes: Uint8Array; left: number }>({
      thread: { ...thread, name: "moving-thread" },
      limits: patient,
      movedOf: ({ buffer }) => [buffer],
    });
    open.push(isolate as Isolate<never, never>);
    const sent = Uint8Array.of(1, 2);
    expect(await isolate.run(sent, { limitMs })).toEqual({ bytes: Uint8Array.of(1, 2), left: -1 });
    expect(sent).toHaveLength(0);
    expect(await isolate.run(Uint8Array.of(3), { limitMs })).toEqual({ bytes: Uint8Array.of(3), left: 0 });
  });

  test("a thread that cannot start fails its task, and the next task tries again", async () => {
    const isolate = create<number>({ thread: { ...thread, name: "no-thread" } });
    for (const task of [1, 2])
      await expect(isolate.run(task, { limitMs })).rejects.toMatchObject({ reason: "not_started" });
  });
});

describe("order and limits", () => {
  interface Started {
    readonly events: IsolateThreadEvents<number>;
    readonly tasks: string[];
    isEnded: boolean;
  }

  function withThreads(options: Partial<IsolateOptions<string, number, string>> = {}, cpuMs: () => number = () => 0) {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const threads: Started[] = [];
    const isolate = create<string>({
      limits,
      ...options,
      startThread(events) {
        const started: Started = { events, tasks: [], isEnded: false };
        threads.push(started);
        return {
          perform: (task) => void started.tasks.push(task),
          cpuMs,
          end: async () => void (started.isEnded = true),
        };
      },
    });
    const ends: string[] = [];
    const run = (task: string, more: { client?: string; size?: number; signal?: AbortSignal } = {}): void =>
      void isolate.run(task, { limitMs: 100, ...more }).then(
        () => ends.push(`${task} done`),
        ({ reason }: { reason: string }) => ends.push(`${task} ${reason}`),
      );
    const settled = async (): Promise<string[]> => {
      await new Promise(setImmediate);
      return ends.splice(0);
    };
    return { isolate, threads, run, settled, last: () => threads.at(-1)?.events };
  }

  test("takes one task of each client in turn, within the limits for the number and the size of waiting tasks", async () => {
    const { threads, run, settled, last } = withThreads({
      limits: { ...limits, waiting: 4, clientShare: 0.75, waitingSize: 10 },
    });
    for (const task of ["a0", "a1", "a2", "a3", "a4", "b0", "c0"]) run(task, { client: task.charAt(0), size: 2 });
    expect(await settled()).toEqual(["a4 full", "c0 full"]);
    for (let i = 0; i < 2; i += 1) last()?.onResult(1);
    run("large", { size: 7 });
    run("small", { size: 6 });
    for (let i = 0; i < 4; i += 1) last()?.onResult(1);
    expect(await settled()).toEqual([
      "large full",
      "a0 done",
      "a1 done",
      "b0 done",
      "a2 done",
      "small done",
      "a3 done",
    ]);
    expect(threads).toHaveLength(1);
  });

  test("one client cannot take all of the size of waiting tasks", async () => {
    const { run, settled } = withThreads({ limits: { ...limits, waiting: 9, waitingSize: 10, clientShare: 0.5 } });
    run("running");
    run("a1", { client: "a", size: 5 });
    run("a2", { client: "a", size: 1 });
    run("b1", { client: "b", size: 5 });
    expect(await settled()).toEqual(["a2 full"]);
  });

  test("the start of a thread has a separate time limit", async () => {
    const { threads, run, settled, last } = withThreads();
    run("a");
    vi.advanceTimersByTime(9_999);
    last()?.onReady();
    vi.advanceTimersByTime(99);
    expect(await settled()).toEqual([]);
    vi.advanceTimersByTime(1);
    expect(await settled()).toEqual(["a too_slow"]);
    run("b");
    threads[0]?.events.onResult(1);
    vi.advanceTimersByTime(10_000);
    expect(await settled()).toEqual(["b not_started"]);
    expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, true]);
  });

  test("a task's time includes the start of the thread if the start has no limit", async () => {
    const { run, settled } = withThreads({ limits: { waiting: 1, heapMiB: 64 } });
    run("a");
    vi.advanceTimersByTime(100);
    expect(await settled()).toEqual(["a too_slow"]);
  });

  test("a task without a limit has no time limit", async () => {
    const { isolate, last } = withThreads({ limits: { waiting: 1, heapMiB: 64 } });
    const result = isolate.run("a");
    vi.advanceTimersByTime(1_000_000);
    last()?.onResult(1);
    expect(await result).toBe(1);
  });

  test("with a deadline a task's time is the thread's processor time", async () => {
    let cpuMs = 0;
    const { run, settled, last } = withThreads({ limits: { ...limits, deadlineMs: 1_000 } }, () => cpuMs);
    run("a");
    last()?.onReady();
    vi.advanceTimersByTime(999);
    expect(await settled()).toEqual([]);
    vi.advanceTimersByTime(1);
    run("b");
    last()?.onReady();
    cpuMs = 100;
    vi.advanceTimersByTime(100);
    expect(await settled()).toEqual(["a too_busy", "b too_slow"]);
  });

  test("a task ends when its signal aborts: a running task at once with its thread, a waiting task when its turn comes", async () => {
    const { threads, run, settled, last } = withThreads();
    const [first, second] = [new AbortController(), new AbortController()];
    run("a", { signal: first.signal });
    run("b", { signal: second.signal });
    run("c");
    second.abort();
    first.abort();
    last()?.onReady();
    last()?.onResult(1);
    expect(await settled()).toEqual(["a left", "b left", "c done"]);
    expect(threads.map(({ tasks, isEnded }) => [tasks, isEnded])).toEqual([
      [["a"], true],
      [["c"], false],
    ]);
  });

  test("with `threadPerTask`, each thread ends with its task", async () => {
    const { threads, run, settled, last } = withThreads({ threadPerTask: true });
    run("a");
    run("b");
    last()?.onResult(1);
    last()?.onFailed("no");
    expect(await settled()).toEqual(["a done", "b failed"]);
    expect(threads.map(({ tasks, isEnded }) => [tasks, isEnded])).toEqual([
      [["a"], true],
      [["b"], true],
    ]);
  });

  test("with `endThreadAfter`, the thread ends after the tasks that it names", async () => {
    const { threads, run, settled, last } = withThreads({ endThreadAfter: (task, result) => task + result === "b2" });
    for (const task of ["a", "b", "c"]) run(task);
    for (const result of [2, 2, 2]) last()?.onResult(result);
    expect(await settled()).toEqual(["a done", "b done", "c done"]);
    expect(threads.map(({ tasks, isEnded }) => [tasks, isEnded])).toEqual([
      [["a", "b"], true],
      [["c"], false],
    ]);
  });

  test("closing rejects running, waiting and later tasks", async () => {
    const { isolate, threads, run, settled } = withThreads();
    run("a");
    run("b");
    await isolate.close();
    run("c");
    expect(await settled()).toEqual(["a closed", "b closed", "c closed"]);
    expect(threads.map(({ tasks, isEnded }) => [tasks, isEnded])).toEqual([[["a"], true]]);
  });
});
