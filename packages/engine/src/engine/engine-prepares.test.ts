// Tests the time before a job's first step: the engine shows that it works, no client and no piece keeps others waiting, and each piece has a limit.
import { describe, expect, test } from "vitest";
import { deferred, type Deferred } from "@waggle/async";
import type { EngineJob } from "../port/messages.ts";
import {
  expectedText,
  isType,
  job,
  fakePicture,
  startEngine,
  submit,
  withGenerator,
} from "../testing/engine-harness.ts";
import type { EngineHarnessOptions } from "../testing/engine-harness.ts";

/** Lets everything happen that can happen at once. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** A job whose prompt has pictures with these names. */
function seeing(jobId: string, names: readonly string[], cacheScope = "alice"): EngineJob {
  const content = [
    { type: "text" as const, text: "What? " },
    ...names.map((_, picture) => ({ type: "image" as const, picture })),
  ];
  const messages = [{ role: "user" as const, content: [...content, { type: "text" as const, text: "Say." }] }];
  return job(jobId, "", { prompt: { kind: "messages", messages }, pictures: names.map(fakePicture), cacheScope });
}

/** An engine whose pictures are read when the test says so. */
function startReading(options: EngineHarnessOptions = {}) {
  const read: string[] = [];
  const gates: Deferred<void>[] = [];
  const time = { ms: 0 };
  const harness = startEngine({
    ...{ slots: 4, readsPictures: true, now: () => time.ms },
    ...options,
    async pictureGate({ bytes }) {
      read.push(new TextDecoder().decode(bytes));
      const gate = deferred<void>();
      gates.push(gate);
      await gate.promise;
    },
  });
  return {
    ...harness,
    time,
    /** The names of the pictures whose reading has begun. */
    read,
    async endPicture() {
      gates.at(-1)?.resolve();
      await settle();
    },
    /** Passes a second, and returns the number of signs of life in it. */
    async second() {
      const before = harness.events.length;
      time.ms += 1_000;
      harness.engine.maintain();
      await settle();
      return harness.events.slice(before).filter(isType("step")).length;
    },
  };
}

describe("an engine that only prepares", () => {
  test("sends signs of life while a picture is read, and none after the time limit of the piece", async () => {
    const { engine, second, time } = startReading();
    submit(engine, seeing("a", ["one"]));
    await settle();
    expect([await second(), await second()]).toEqual([1, 1]);
    time.ms = 140_000;
    await second();
    expect(await second(), "the job has failed, and the piece does not end").toBe(0);
  });

  test("sends no sign of life while nothing moves: such an engine hangs", async () => {
    const { engine, second } = startReading({
      wrap: withGenerator(() => ({ tokenize: () => deferred<never>().promise })),
    });
    submit(engine, job("a", "Hello"));
    await settle();
    expect([await second(), await second()]).toEqual([0, 0]);
  });

  test("sends no sign of life for what it prepares while a pass hangs", async () => {
    const { engine, second, gate, endPicture } = startReading({ gated: true });
    submit(engine, job("a", "Hello"));
    await gate.held();
    submit(engine, seeing("b", ["one", "two"]));
    await settle();
    await endPicture();
    expect([await second(), await second()]).toEqual([0, 0]);
  });

  test("ends a job alone whose piece takes too long, and is broken if the piece does not end", async () => {
    const { engine, second, time, textOf, events, of, run } = startReading();
    submit(engine, seeing("slow", ["one"]));
    await settle();
    time.ms = 120_000;
    await second();
    expect(of("slow")).toMatchObject([
      {
        type: "failed",
        code: "resource_exhausted",
        message: expect.stringContaining("reading a picture takes more than 120 s") as string,
      },
    ]);
    await run(job("b", "Hello"));
    expect(textOf("b")).toBe(expectedText("Hello", 8));
    expect(events.filter(isType("broken"))).toEqual([]);
    time.ms = 150_000;
    await second();
    expect(events.filter(isType("broken"))).toEqual([
      { type: "broken", message: "reading a picture hangs: no result for 151000 ms" },
    ]);
  });
});

describe("work that is prepared", () => {
  test("takes turns by client, one picture at a time, and a text waits for no picture", async () => {
    const { engine, read, endPicture, untilJob, run } = startReading();
    submit(engine, seeing("a", ["a1", "a2", "a3"], "alice"));
    submit(engine, seeing("b", ["b1"], "alice"));
    submit(engine, seeing("d", ["d1"], "alice"));
    submit(engine, seeing("c", ["c1"], "carol"));
    await run(job("text", "Hello", { cacheScope: "dave" }));
    expect(read).toEqual(["a1"]);
    for (let i = 0; i < 6; i++) await endPicture();
    expect(read).toEqual(["a1", "b1", "c1", "d1", "a2", "a3"]);
    for (const id of ["a", "b", "c", "d"]) await untilJob(id, "finished");
  });

  test.each([
    ["a job", { type: "cancel", jobId: "a" }],
    ["a job before its start", { type: "drop", prepared: "b" }],
    ["a query", { type: "drop", prepared: "q1" }],
  ] as const)("stops within one piece when its client leaves: %s", async (what, command) => {
    const { engine, read, endPicture } = startReading();
    const asked = seeing(what === "a job" ? "a" : "b", ["one", "two", "three"]);
    if (what === "a job") submit(engine, asked);
    else if (what === "a query") {
      const { work } = seeing("", ["one", "two"]);
      if (work.kind !== "generate" || work.prompt.kind !== "messages") expect.fail("no conversation");
      const {
        prompt: { messages },
        pictures,
      } = work;
      engine.handle({ type: "query", id: "q1", client: "alice", question: { kind: "count", messages, pictures } });
    } else engine.handle({ type: "prepare", job: asked });
    await settle();
    engine.handle(command);
    await endPicture();
    expect(read).toEqual(["one"]);
    expect(engine.preparedJobs).toBe(0);
    submit(engine, seeing("next", ["four"]));
    await settle();
    expect(read).toEqual(["one", "four"]);
  });

  test("restores a long earlier output in portions, between which other streams continue", async () => {
    const { of, events, run } = startEngine({ contextSize: 40_000 });
    await run(job("stream", "Hello", { maxTokens: 5_000 }), "token");
    const ids = Array.from({ length: 30_000 }, (_, i) => 0x61 + ((i * 7_919 + (i >> 5)) % 26));
    const tokensBefore = of("stream").length;
    await run(
      job("resumed", "Hi", {
        maxTokens: 30_001,
        stop: ["zzzz"],
        prior: { computed: 0, output: { ids, events: 30_000 } },
      }),
      "started",
    );
    expect(of("stream").length - tokensBefore).toBeGreaterThan(20);
    expect(events.filter(isType("log"))).toEqual([]);
  });
});
