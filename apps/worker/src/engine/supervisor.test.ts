import type { ChildProcess } from "node:child_process";
import { EventEmitter } from "node:events";
import { PassThrough } from "node:stream";
import type { BackendInfo, EngineCommand, EngineEvent, JobMessage, Measurement } from "@waggle/engine";

import { createLogger } from "@waggle/telemetry";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { limitOptions } from "../config/options/limit-options.ts";
import type { EngineOwner } from "./engine-host.ts";
import type { EngineStart } from "./engine-start.ts";
import { createSupervisor } from "./supervisor.ts";

/** The default of `--crash-loop-deaths`. */
const crashLoopDeaths = Number(limitOptions.crashLoopDeaths.default);

interface FakeEngine extends EventEmitter {
  pid: number | undefined;
  connected: boolean;
  readonly sent: unknown[];
  readonly stdio: readonly (PassThrough | null)[];
  send(message: unknown, sent: (error: Error | null) => void): void;
  kill(): void;
}

function createFakeEngine(pid: number | undefined): FakeEngine {
  const engine = Object.assign(new EventEmitter(), {
    pid,
    connected: true,
    sent: [] as unknown[],
    stdio: [null, null, null, null, new PassThrough()],
    send(message: unknown) {
      // Node serializes the message to JSON at once, and throws if that fails.
      this.sent.push(JSON.parse(JSON.stringify(message)));
    },
    kill() {
      // Without a pid the signal would go to this process's group.
      if (pid === undefined) throw new Error("killed the process group");
      engine.emit("close", null, "SIGKILL");
    },
  });
  return engine;
}

type Fork = (pid: number) => FakeEngine;

/** A supervisor that has started its first engine. */
function setUp(
  fork: Fork = createFakeEngine,
  {
    loadedBefore = false,
    start = { type: "load" } as EngineStart,
  }: { loadedBefore?: boolean; start?: EngineStart } = {},
) {
  const clock = createFakeClock();
  const engines: FakeEngine[] = [];
  const calls: string[] = [];
  const messages: JobMessage[] = [];
  const measurements: Measurement[] = [];
  const lines: string[] = [];
  let running = 0;
  let preparing = false;
  const supervisor = createSupervisor({
    start,
    env: {},
    loadedBefore,
    clock,
    log: createLogger({
      level: "info",
      format: "json",
      name: "t",
      destination: { write: (line: string) => void lines.push(line) },
    }),
    watchdogTimeoutMs: 30_000,
    loadTimeoutMs: 300_000,
    crashLoopDeaths,
    fork() {
      const engine = fork(engines.length + 1);
      engines.push(engine);
      return engine as unknown as ChildProcess;
    },
  });
  const owner: EngineOwner = {
    get busy() {
      return running > 0;
    },
    get preparing() {
      return preparing;
    },
    started: () => void calls.push("start"),
    loading: (progress) => void calls.push(`loading: ${progress}`),
    job: (message) => void messages.push(message),
    measured: (measurement) => void measurements.push(measurement),
    ready: () => void calls.push("ready"),
    died({ reason, wasReady, final }) {
      calls.push(`death: ${reason}`);
      if (wasReady) calls.push("lost");
      if (final !== undefined) calls.push(`gave up: ${final}`);
    },
  };
  const current = (): FakeEngine => engines.at(-1) ?? expect.fail("no engine");
  supervisor.start(owner);
  return {
    ...{ clock, engines, calls, messages, measurements, lines, supervisor, current },
    run: (jobs: number) => void (running = jobs),
    prepare: (requests: boolean) => void (preparing = requests),
    send: (event: EngineEvent) => void current().emit("message", event),
    ready: () => void current().emit("message", { type: "ready", info: {} as BackendInfo, loadMs: 1 }),
    die: () => void current().emit("close", null, "SIGSEGV"),
  };
}

type SetUp = ReturnType<typeof setUp>;

describe("the next engine", () => {
  const attention = { cells: 2_048, threads: 1, flash: { row_ms: 2, tile_ms: 1 }, plain: { row_ms: 1, tile_ms: 1 } };
  const infoWith = (measured: boolean): BackendInfo =>
    ({ settings: { flash_attention: false }, ...(measured ? { attention } : {}) }) as unknown as BackendInfo;

  it.each([
    ["keeps the attention that was measured and chosen", true, "auto", "off"],
    ["chooses again where nothing was measured", false, "auto", "auto"],
    ["keeps what the settings say", true, "on", "on"],
  ] as const)("%s", (_, measured, before, after) => {
    const start = { type: "load", settings: { flashAttention: before } } as EngineStart;
    const worker = setUp(createFakeEngine, { start });
    worker.send({ type: "ready", info: infoWith(measured), loadMs: 1 });
    worker.die();
    worker.clock.advance(0);
    worker.clock.advance(60_000);
    expect(worker.engines).toHaveLength(2);
    expect(worker.current().sent[0]).toMatchObject({ settings: { flashAttention: after } });
  });
});

it.each([
  ["is left out", ["picture"], true],
  ["stays when a picture has been read before", ["picture", undefined, "picture"], false],
] as const)("a projector at whose first picture the engine crashes %s", (_, kinds, leftOut) => {
  const projector = { path: "/m/mmproj.gguf", maxPixels: 1, isRequired: false };
  const worker = setUp(createFakeEngine, { start: { type: "load", projector } as unknown as EngineStart });
  worker.ready();
  for (const kind of kinds)
    worker.send({ type: "opening", file: kind === undefined ? undefined : { kind, path: projector.path } });
  worker.die();
  worker.clock.advance(0);
  expect(worker.engines).toHaveLength(2);
  const problem = expect.stringContaining("(SIGSEGV), when it read a picture with this file; download");
  expect(worker.current().sent[0]).toMatchObject({ projector: leftOut ? { problem } : projector });
  expect("problem" in (worker.current().sent[0] as { projector: object }).projector).toBe(leftOut);
});

describe("an engine that crashes while it opens a file", () => {
  const projector = { path: "/m/mmproj.gguf", maxPixels: 1, isRequired: false };
  const cases = [
    ["leaves out a projector that was only found", { projector }, "projector", undefined],
    [
      "names a projector of the settings",
      { projector: { ...projector, isRequired: true } },
      "projector",
      /SIGSEGV\), while it opened the projector \/m\/mmproj\.gguf\. .*--mmproj none/,
    ],
    ["names an adapter", { projector }, "adapter", /while it opened the adapter \/m\/bee\.gguf\. .*--lora/],
  ] as const;
  it.each(cases)("%s", (_, start, kind, gaveUp) => {
    const worker = setUp(createFakeEngine, { start: { type: "load", ...start } as unknown as EngineStart });
    worker.send({ type: "opening", file: { kind, path: kind === "adapter" ? "/m/bee.gguf" : projector.path } });
    worker.die();
    worker.clock.advance(0);
    if (gaveUp !== undefined) return expect(worker.calls.at(-1)).toMatch(gaveUp);
    expect(worker.calls).toEqual(["start", "death: signal", "start"]);
    const problem = expect.stringContaining("the engine crashed (SIGSEGV), when it opened this file; download");
    expect(worker.current().sent[0]).toMatchObject({ projector: { ...projector, problem } });
  });
});

describe("the log of a death", () => {
  it.each([
    ["the worker killed a hanging engine", (worker: SetUp) => worker.clock.advance(300_000), "worker"],
    ["something else killed it", (worker: SetUp) => worker.current().kill(), "the system or another process"],
    [
      "the engine ended itself",
      (worker: SetUp) => {
        worker.send({ type: "load_failed", message: "no" });
        worker.current().kill();
      },
      "engine",
    ],
    ["it crashed", (worker: SetUp) => worker.die(), undefined],
  ])("says who did it: %s", (_, end, by) => {
    const worker = setUp();
    end(worker);
    expect(JSON.parse(worker.lines.find((line) => line.includes("engine_died")) ?? "{}").killed_by).toBe(by);
  });
});

const noMemory = (): never => {
  throw new Error("spawn ENOMEM");
};
const turn = () => new Promise((resolve) => setImmediate(resolve));
const report: EngineEvent = { type: "process_stats", eventLoopUtilization: 0, rssBytes: 1 };

it("an engine's events reach its owner: of the load, of jobs, measurements, and a step twice", () => {
  const worker = setUp();
  const step: EngineEvent = { type: "step", events: [] };
  const answer: EngineEvent = { type: "unprepared", jobId: "a" };
  worker.send({ type: "loading", progress: 0.5 });
  worker.ready();
  for (const event of [step, answer, report]) worker.send(event);
  expect(worker.calls).toEqual(["start", "loading: 0.5", "ready"]);
  expect([worker.messages, worker.measurements]).toEqual([
    [step, answer],
    [step, report],
  ]);
});

describe("an engine process that cannot be started", () => {
  it("is logged, counted and started again later if `fork` throws", async () => {
    let failures = 2;
    const worker = setUp((pid) => (pid === 2 && failures-- > 0 ? noMemory() : createFakeEngine(pid)));
    worker.ready();
    worker.die();
    worker.clock.advance(0);
    await turn();
    expect(worker.calls).toEqual(["start", "ready", "death: signal", "lost", "death: start_failed"]);
    expect(worker.lines.at(-1)).toContain("Cannot start the engine process: spawn ENOMEM.");
    worker.clock.advance(500);
    await turn();
    worker.clock.advance(1_000);
    await turn();
    worker.ready();
    expect(worker.supervisor).toMatchObject({ ready: true, starts: 2, deaths: 3 });
  });

  it("is started again later after an error event, and a process without a pid is never killed", async () => {
    const worker = setUp((pid) => createFakeEngine(pid === 2 ? undefined : pid));
    worker.ready();
    worker.die();
    worker.clock.advance(0);
    worker.current().emit("error", new Error("spawn node EMFILE"));
    worker.current().emit("close", -24, null);
    expect(worker.calls.slice(2)).toEqual(["death: signal", "lost", "death: start_failed"]);
    worker.clock.advance(500);
    worker.ready();
    expect(worker.supervisor.ready).toBe(true);
  });

  it("is started at once, and after 0.5, 1, 2 and 4 s, before the worker gives up", async () => {
    const triesMs: number[] = [];
    const worker = setUp((pid) => {
      if (pid === 1) return createFakeEngine(pid);
      triesMs.push(worker.clock.now() - diedAtMs);
      return noMemory();
    });
    worker.ready();
    const diedAtMs = worker.clock.now();
    worker.die();
    for (let waits = 0; waits <= 100; waits += 1) {
      worker.clock.advance(waits === 0 ? 0 : 100);
      await turn();
    }
    expect(triesMs).toEqual([0, 500, 1_500, 3_500, 7_500]);
    const gaveUp = new RegExp(`^gave up: The engine died ${crashLoopDeaths} times in a row`);
    expect(worker.calls.at(-1)).toMatch(gaveUp);
  });
});

describe("a crash loop", () => {
  it("is detected however long a load takes", () => {
    const worker = setUp();
    for (let death = 1; death <= crashLoopDeaths; death += 1) {
      worker.clock.advance(16_000);
      worker.ready();
      worker.clock.advance(100);
      worker.die();
      expect(worker.calls.some((what) => what.startsWith("gave up"))).toBe(death === crashLoopDeaths);
      worker.clock.advance(4_000);
    }
    expect(worker.engines).toHaveLength(crashLoopDeaths);
  });

  it("does not count engines that die while they prepare requests, but those that die afterwards", () => {
    const worker = setUp();
    for (const [preparing, deaths] of [
      [true, 20],
      [false, crashLoopDeaths],
    ] as const) {
      worker.prepare(preparing);
      for (let death = 1; death <= deaths; death += 1) {
        expect(worker.calls.some((what) => what.startsWith("gave up"))).toBe(false);
        worker.ready();
        worker.die();
        worker.clock.advance(4_000);
      }
    }
    expect(worker.calls.at(-1)).toMatch(/^gave up: /);
  });

  it("is detected when each engine dies while it loads", () => {
    const worker = setUp();
    worker.ready();
    worker.die();
    for (let death = 2; death <= crashLoopDeaths; death += 1) {
      worker.clock.advance(4_000 + 70_000);
      worker.die();
    }
    expect(worker.calls.at(-1)).toMatch(/^gave up: /);
  });

  it("is not detected when a job has progressed in each engine; the next engine starts at once", () => {
    const worker = setUp();
    const token = { type: "token", jobId: "a", index: 0, text: "a", tMs: 1, ids: [1], n: 1 } as const;
    for (let death = 1; death <= 20; death += 1) {
      worker.ready();
      worker.send({ type: "step", events: [token] });
      worker.die();
      worker.clock.advance(0);
      expect(worker.engines).toHaveLength(death + 1);
    }
    for (let death = 2; death <= crashLoopDeaths; death += 1) {
      worker.ready();
      worker.send({ type: "step", events: [{ type: "started", jobId: "a", promptTokens: 1, cachedTokens: 0 }] });
      worker.die();
      worker.clock.advance(4_000);
    }
    expect(worker.calls.at(-1)).toMatch(
      new RegExp(`^gave up: The engine died ${crashLoopDeaths} times in a row, never after a token`),
    );
  });

  it("ends when an engine has served for a minute", () => {
    const worker = setUp();
    for (let death = 1; death <= 20; death += 1) {
      worker.ready();
      const seconds = death % 4 === 0 ? 60 : 1;
      for (let second = 0; second < seconds; second += 1) {
        worker.clock.advance(1_000);
        worker.send(report);
      }
      worker.die();
      worker.clock.advance(4_000);
    }
    expect(worker.calls.some((what) => what.startsWith("gave up"))).toBe(false);
  });
});

describe("a command that cannot be serialized", () => {
  const endless = (): unknown => {
    let value: unknown = [];
    for (let depth = 0; depth < 100_000; depth += 1) value = [value];
    return value;
  };
  const job = { jobId: "j1", work: endless(), cacheScope: "", priority: 0 };

  it.each([
    [
      "start",
      { type: "start", prepared: endless(), choices: [{ jobId: "j1", choice: 0 }] },
      { type: "step", events: [{ type: "failed", jobId: "j1" }] },
    ],
    ["prepare", { type: "prepare", job }, { type: "prepare_failed", jobId: "j1" }],
    [
      "query",
      { type: "query", id: "q1", question: endless() },
      { type: "query_result", id: "q1", answer: { kind: "failed" } },
    ],
  ])("fails as if the engine had refused it: %s", async (_, command, answer) => {
    const worker = setUp();
    worker.ready();
    worker.messages.length = 0;
    worker.supervisor.send(command as unknown as EngineCommand);
    expect(worker.messages).toEqual([]);
    await turn();
    expect(worker.messages).toMatchObject([answer]);
    expect(JSON.stringify(worker.messages)).toContain("Cannot send the request to the engine: ");
    expect(worker.supervisor.ready).toBe(true);
  });
});

describe("an engine that hangs", () => {
  it("is killed after a silence and replaced if it was idle", () => {
    const worker = setUp();
    worker.ready();
    for (let second = 0; second < 100; second += 1) {
      worker.clock.advance(1_000);
      worker.send(report);
    }
    expect(worker.calls).toEqual(["start", "ready"]);
    worker.clock.advance(29_999);
    expect(worker.supervisor.ready).toBe(true);
    worker.clock.advance(1);
    expect(worker.calls.slice(2)).toEqual(["death: hung", "lost", "start"]);
    expect(worker.lines.at(-2)).toContain("no sign of life for 30000 ms while it was idle");
    worker.ready();
    expect(worker.supervisor.ready).toBe(true);
  });

  it("is killed if it has jobs and makes no steps, even if it sends other messages", () => {
    const worker = setUp();
    worker.ready();
    worker.run(1);
    worker.supervisor.send({ type: "start", choices: [] } as unknown as EngineCommand);
    for (let second = 0; second < 30; second += 1) {
      worker.send(report);
      worker.clock.advance(1_000);
    }
    expect(worker.calls.slice(2)).toEqual(["death: hung", "lost", "start"]);
  });

  it("is not killed as long as it reports a transfer, and the next engine gets its time", () => {
    const prefixStore = { folder: "f", maxBytes: 1 };
    const worker = setUp(createFakeEngine, { start: { type: "load", settings: {}, prefixStore } as EngineStart });
    worker.ready();
    worker.run(1);
    worker.supervisor.send({ type: "start", choices: [] } as unknown as EngineCommand);
    for (let second = 0; second <= 60; second += 1) {
      worker.clock.advance(1_000);
      const sizes = { tokens: 100, states: 0, bytes: 0 };
      worker.send({ type: "prefix_store", operation: "underway", ms: second * 1_000, ...sizes });
    }
    expect(worker.calls).toEqual(["start", "ready"]);
    worker.clock.advance(30_000);
    expect(worker.calls.slice(2)).toEqual(["death: hung", "lost", "start"]);
    expect(worker.current().sent[0]).toMatchObject({ prefixStore: { ...prefixStore, tokenMs: 600 } });
  });
});

it.each([
  [false, ["start", "death: signal", "gave up"]],
  [true, ["start", "death: signal", "start"]],
])(
  "an engine that dies during its first load is restarted only if its file was loaded before: %s",
  (loadedBefore, calls) => {
    const worker = setUp(createFakeEngine, { loadedBefore });
    worker.die();
    worker.clock.advance(0);
    expect(worker.calls.map((what) => what.replace(/(gave up):.*/, "$1"))).toEqual(calls);
  },
);

it("a stopped supervisor leaves no timer", async () => {
  const worker = setUp();
  worker.ready();
  const stopped = worker.supervisor.stop();
  expect(worker.current().sent.at(-1)).toEqual({ type: "shutdown" });
  worker.current().emit("close", 0, null);
  await stopped;
  expect(worker.clock.pending).toBe(0);
  expect(worker.supervisor.ready).toBe(false);
});

it("each of two stops at the same time ends when the engine has exited", async () => {
  const worker = setUp();
  worker.ready();
  const ended: string[] = [];
  const stops = ["removal", "shutdown"].map((by) => worker.supervisor.stop().then(() => ended.push(by)));
  worker.current().emit("close", 0, null);
  await turn();
  expect(ended).toEqual(["removal", "shutdown"]);
  await Promise.all(stops);
});
