import type { IsolateThreadEvents } from "@waggle/async";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createSchemaCompiler } from "./schema-compiler.ts";
import type { SchemaCompilerOptions } from "./schema-compiler.ts";
import type { CompiledSchema } from "./schema-thread.ts";

/** Fake threads that the test controls. */
function fakeThreads() {
  const threads: { events: IsolateThreadEvents<CompiledSchema>; texts: string[]; isEnded: boolean; cpuMs?: number }[] =
    [];
  const startThread: NonNullable<SchemaCompilerOptions["startThread"]> = (events) => {
    const thread: (typeof threads)[number] = { events, texts: [], isEnded: false };
    threads.push(thread);
    return {
      perform: (text) => void thread.texts.push(text),
      cpuMs: () => thread.cpuMs,
      async end() {
        thread.isEnded = true;
      },
    };
  };
  const last = () => {
    const thread = threads.at(-1);
    if (thread === undefined) throw new Error("No thread was started");
    return thread;
  };
  return {
    threads,
    startThread,
    last,
    ready: () => last().events.onReady(),
    answer: (grammar: string) => last().events.onResult({ kind: "grammar", grammar }),
  };
}

/** For real threads, which need a while to start and to compile on a busy machine. */
const patient = { compileTimeoutMs: 120_000, startTimeoutMs: 120_000 };
const limits = { compileTimeoutMs: 2_000, startTimeoutMs: 10_000, waiting: 4, clientShare: 0.75 };

function setUp(options: SchemaCompilerOptions["limits"] = {}) {
  const clock = createFakeClock();
  const fake = fakeThreads();
  const compiler = createSchemaCompiler({ clock, startThread: fake.startThread, limits: { ...limits, ...options } });
  return { ...fake, clock, compiler };
}

describe("createSchemaCompiler", () => {
  it("compiles on a thread, and rejects unsupported keywords", async () => {
    const compiler = createSchemaCompiler({ limits: patient });
    expect(await compiler.compile({ type: "null" }, "a")).toEqual({ kind: "grammar", grammar: 'root ::= "null"\n' });
    expect(await compiler.compile({ properties: {}, unevaluatedProperties: false }, "a")).toMatchObject({
      kind: "refused",
      message: expect.stringContaining('"unevaluatedProperties"'),
    });
    await compiler.close();
  });

  const properties = Object.fromEntries(
    Array.from({ length: 250 }, (_, i) => [`p${i}`, { type: "string", format: "email", maxLength: 40 + i }]),
  );

  it("does not block the main thread while a large schema is compiled", async () => {
    const compiler = createSchemaCompiler({ limits: patient });
    await compiler.compile({}, "a");
    const before = performance.eventLoopUtilization();
    expect(await compiler.compile({ properties }, "a")).toMatchObject({ kind: "refused" });
    expect(performance.eventLoopUtilization(before).utilization).toBeLessThan(0.5);
    await compiler.close();
  });

  it("kills a real thread at the time limit, and compiles the next schema", async () => {
    const compiler = createSchemaCompiler({ limits: { ...patient, compileTimeoutMs: 1 } });
    expect(await compiler.compile({ properties }, "a")).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("too long"),
    });
    expect(await compiler.compile({ properties }, "a")).toMatchObject({ kind: "refused" });
    await compiler.close();
  });

  it("replaces the thread at the time limit, and ignores the late result of the old thread", async () => {
    const { clock, compiler, threads, ready, answer } = setUp();
    const slow = compiler.compile({ title: "slow" }, "a");
    const next = compiler.compile({ title: "next" }, "a");
    clock.advance(9_000);
    ready();
    clock.advance(1_999);
    expect(threads).toHaveLength(1);
    clock.advance(1);
    expect(await slow).toMatchObject({ kind: "refused", message: expect.stringContaining("too long") });
    expect(threads.map(({ isEnded }) => isEnded)).toEqual([true, false]);
    threads[0]?.events.onResult({ kind: "grammar", grammar: "late" });
    ready();
    answer("in time");
    expect(await next).toEqual({ kind: "grammar", grammar: "in time" });
  });

  it("does not refuse a schema because the machine is busy", async () => {
    const { clock, compiler, last, ready, answer } = setUp();
    const compiled = compiler.compile({}, "a");
    last().cpuMs = 10;
    ready();
    clock.advance(30_000);
    last().cpuMs = 2_009;
    clock.advance(2_000);
    answer("late");
    expect(await compiled).toEqual({ kind: "grammar", grammar: "late" });
    const given = compiler.compile({ title: "busy" }, "a");
    clock.advance(60_000);
    await expect(given).rejects.toMatchObject({ code: "unavailable" });
  });

  it("fails with a typed error when the thread does not start in time, or exits", async () => {
    const { clock, compiler, last } = setUp();
    const first = compiler.compile({}, "a");
    clock.advance(10_000);
    await expect(first).rejects.toMatchObject({ code: "unavailable" });
    const second = compiler.compile({}, "a");
    last().events.onGone(new Error("died"));
    await expect(second).rejects.toMatchObject({ code: "internal" });
    const third = compiler.compile({}, "a");
    last().events.onGone(Object.assign(new Error("heap"), { code: "ERR_WORKER_OUT_OF_MEMORY" }));
    expect(await third).toMatchObject({ kind: "refused", message: expect.stringContaining("memory") });
  });

  it("limits the waiting schemas of each client and of all clients, and serves clients in turn", async () => {
    const { compiler, last, answer } = setUp();
    const all = ["a0", "a1", "a2", "a3"].map(async (title) => await compiler.compile({ title }, "a"));
    await expect(compiler.compile({ title: "a4" }, "a")).rejects.toMatchObject({
      code: "resource_exhausted",
      retryAfterS: 1,
    });
    all.push(compiler.compile({ title: "b0" }, "b"));
    await expect(compiler.compile({ title: "c0" }, "c")).rejects.toMatchObject({ code: "resource_exhausted" });
    for (let i = 0; i < 5; i += 1) answer("g");
    await Promise.all(all);
    expect(last().texts.map((text) => (JSON.parse(text) as { schema: { title: string } }).schema.title)).toEqual([
      "a0",
      "a1",
      "b0",
      "a2",
      "a3",
    ]);
  });

  it("limits the length of one schema, and of all waiting schemas", async () => {
    const { compiler } = setUp({ waitingChars: 1_000 });
    const running = compiler.compile({}, "a");
    const waiting = compiler.compile({ title: "x".repeat(600) }, "a");
    await expect(compiler.compile({ title: "x".repeat(600) }, "b")).rejects.toMatchObject({
      code: "resource_exhausted",
    });
    expect(await compiler.compile({ title: "x".repeat(3_000_000) }, "b")).toMatchObject({ kind: "refused" });
    const closed = compiler.close();
    await expect(running).rejects.toMatchObject({ code: "unavailable" });
    await expect(waiting).rejects.toMatchObject({ code: "unavailable" });
    await closed;
  });

  it("caches grammars and refusals for all clients, up to a limit", async () => {
    const { compiler, last, answer } = setUp({ cacheBytes: 1_000 });
    const compile = async (title: string, grammar: string, client = "a") => {
      const result = compiler.compile({ title }, client);
      answer(grammar);
      return await result;
    };
    await compile("a", "g".repeat(200));
    expect(await compiler.compile({ title: "a" }, "z")).toEqual({ kind: "grammar", grammar: "g".repeat(200) });
    await compile("b", "g".repeat(200));
    await compiler.compile({ title: "a" }, "z");
    await compile("c", "g".repeat(200));
    await compiler.compile({ title: "a" }, "z");
    expect(last().texts).toHaveLength(3);
    await compile("b", "again");
    expect(last().texts).toHaveLength(4);
    // The results of another client stay.
    for (const title of ["c", "d", "huge"]) await compile(title, "g".repeat(title === "huge" ? 2_000 : 300), "greedy");
    await compile("b", "again");
    expect(last().texts).toHaveLength(7);
  });

  it("rejects infinite numbers, which JSON.stringify would change", async () => {
    const { compiler, threads } = setUp();
    const schema: unknown = JSON.parse('{"properties":{"a":{"enum":[1,1e400]}}}');
    expect(await compiler.compile(schema, "a")).toMatchObject({
      kind: "refused",
      message: expect.stringContaining("/properties/a/enum/1"),
    });
    expect(threads).toHaveLength(0);
  });

  it("starts the thread with the first schema, if the system has one, and no thread after closing", async () => {
    const { compiler, threads } = setUp();
    await compiler.close();
    await expect(compiler.compile({}, "a")).rejects.toMatchObject({ code: "unavailable" });
    expect(threads).toHaveLength(0);
    const startThread = (): never => expect.fail("EAGAIN");
    const withoutThread = createSchemaCompiler({ startThread }).compile({}, "a");
    await expect(withoutThread).rejects.toMatchObject({ code: "unavailable" });
  });
});
