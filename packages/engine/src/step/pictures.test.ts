import { createHash } from "node:crypto";
import { deferred } from "@waggle/async";
import { describe, expect, test } from "vitest";
import type { Picture, PictureChunk, PicturePiece } from "../port/pictures.ts";
import type { PromptInput } from "../port/prompts.ts";
import type { EngineEvent } from "../port/messages.ts";
import { createFakeKvSnapshots } from "../testing/fake-kv-snapshots.ts";
import { generatorOf } from "../sequence/prepare.ts";
import {
  job,
  startEngine,
  submit,
  withGenerator,
  type EngineHarness,
  type EngineHarnessOptions,
  type GivenJob,
} from "../testing/engine-harness.ts";

/** A picture of so many bytes: an even number makes a picture that can be divided. */
function picture(seed: number, bytes = 20): Picture {
  const content = new Uint8Array(bytes).fill(seed);
  return { bytes: content, sha256: createHash("sha256").update(content).digest("hex") };
}

const image = { type: "image" } as const;

function prompt(...parts: (string | number)[]): PromptInput {
  const content = parts.map((part) =>
    typeof part === "string" ? { type: "text" as const, text: part } : { ...image, picture: part },
  );
  return { kind: "messages", messages: [{ role: "user", content }] };
}

function seeing(options: EngineHarnessOptions = {}): EngineHarness {
  return startEngine({ readsPictures: true, ...options });
}

const asked = (...pictures: Picture[]): GivenJob => ({
  prompt: prompt("What is in ", ...pictures.map((_, i) => i), " here?"),
  pictures,
});

async function answerTo(given: GivenJob, options: EngineHarnessOptions = {}): Promise<string> {
  const harness = seeing(options);
  await harness.run(job("only", "", given));
  return harness.textOf("only");
}

describe("a prompt with a picture", () => {
  test("is answered, and another picture gets another answer", async () => {
    const answers = await Promise.all([picture(1), picture(2), picture(1, 21)].map((each) => answerTo(asked(each))));
    expect(new Set(answers).size).toBe(3);
    expect(answers.every((answer) => answer.length > 0)).toBe(true);
  });

  test("counts its cells as prompt tokens", async () => {
    const harness = seeing();
    submit(harness.engine, job("a", "", asked(picture(1))));
    const [text, finished] = [
      job("b", "", { prompt: prompt("What is in ", " here?") }),
      await harness.untilJob("a", "finished"),
    ];
    submit(harness.engine, text);
    const without = await harness.untilJob("b", "finished");
    expect(finished.promptTokens - without.promptTokens).toBe(4 + (20 % 13));
  });

  test("is computed in pieces as large as the step allows, or at once if it cannot be divided", async () => {
    const pieces: PicturePiece[] = [];
    const watched = withGenerator((generator) => ({
      pictures: generator.pictures && {
        ...generator.pictures,
        feed: async (piece) => {
          pieces.push(piece);
          await generator.pictures?.feed(piece);
        },
      },
    }));
    const [divided, whole] = [picture(1, 24), picture(1, 25)];
    const options = { wrap: watched, limits: { prefillBudget: 5 } };
    const answer = await answerTo(asked(divided), options);
    expect(pieces.map(({ first, count }) => [first, count])).toEqual([
      [0, 5],
      [5, 5],
      [10, 5],
    ]);
    expect(new Set(pieces.map(({ from }) => from)).size).toBe(1);
    expect(answer).toBe(await answerTo(asked(divided)));
    pieces.length = 0;
    await answerTo(asked(whole), options);
    expect(pieces.map(({ first, count }) => [first, count])).toEqual([[0, 16]]);
  });

  test("is refused with logprobs of the prompt, and with a picture at its end", async () => {
    const harness = seeing();
    const refusals: [GivenJob, string][] = [
      [{ ...asked(picture(1)), promptLogprobs: true, topLogprobs: 0 }, "logprobs"],
      [
        { prompt: { kind: "pieces", pieces: ["a ", { ...image, picture: 0 }] }, pictures: [picture(1)] },
        "ends with a picture",
      ],
      [{ ...asked({ ...picture(1), bytes: new TextEncoder().encode("broken") }) }, "Cannot read picture 1"],
    ];
    for (const [at, [given, message]] of refusals.entries()) {
      harness.engine.handle({ type: "prepare", job: job(`job${at}`, "", given) });
      const failed = await harness.until(
        (event): event is Extract<EngineEvent, { type: "prepare_failed" }> =>
          event.type === "prepare_failed" && event.jobId === `job${at}`,
      );
      expect(failed.failure).toMatchObject({ code: "invalid_argument" });
      expect(failed.failure.message).toContain(message);
    }
  });

  test("is refused by a model that cannot see", async () => {
    const harness = startEngine();
    harness.engine.handle({ type: "prepare", job: job("a", "", asked(picture(1))) });
    const failed = await harness.until(
      (event): event is Extract<EngineEvent, { type: "prepare_failed" }> => event.type === "prepare_failed",
    );
    expect(failed.failure.message).toContain("cannot see");
  });
});

describe("while a picture is encoded", () => {
  /** Encodings wait until the test lets them end. */
  function held(options: EngineHarnessOptions = {}) {
    const gates: { readonly chunk: PictureChunk; readonly open: () => void }[] = [];
    const begun: (() => void)[] = [];
    const harness = seeing({
      encodeGate: async (chunk) => {
        const gate = deferred<void>();
        gates.push({ chunk, open: () => gate.resolve() });
        for (const wake of begun) wake();
        await gate.promise;
      },
      ...options,
    });
    const untilBegun = async (count: number): Promise<void> => {
      while (gates.length < count) await new Promise<void>((resolve) => void begun.push(resolve));
    };
    return { harness, gates, untilBegun };
  }

  test("other streams continue, and the job gets its first token after it", async () => {
    const { harness, gates, untilBegun } = held();
    submit(harness.engine, job("sees", "", asked(picture(1))));
    await untilBegun(1);
    await harness.run(job("other", "Once upon a time", { maxTokens: 40 }));
    expect(harness.of("sees").map(({ type }) => type)).not.toContain("token");
    gates[0]?.open();
    await harness.untilJob("sees", "finished");
    expect(harness.textOf("sees")).toBe(await answerTo(asked(picture(1))));
  });

  test("a step has a thread less while a picture is divided", async () => {
    let steps = 0;
    const threads: number[] = [];
    const isDividing = (): boolean => steps > 10 && steps <= 20;
    const harness = seeing({
      ...{ threads: 2, pinnedThreads: 2 },
      onEvent: (event) => void (steps += event.type === "step" ? 1 : 0),
      wrap: (backend) => ({
        ...withGenerator(({ pictures }) =>
          pictures === undefined
            ? {}
            : { pictures: Object.defineProperty({ ...pictures }, "dividing", { get: isDividing }) },
        )(backend),
        setThreads: (count: number) => void threads.push(count),
      }),
    });
    await harness.run(job("only", "one", { maxTokens: 60 }));
    expect(threads).toEqual([1, 2]);
  });

  test("its job is cancelled at once, and the encoding ends", async () => {
    const { harness, untilBegun, gates } = held();
    submit(harness.engine, job("sees", "", asked(picture(1))));
    await untilBegun(1);
    harness.engine.handle({ type: "cancel", jobId: "sees" });
    expect((await harness.untilJob("sees", "cancelled")).steps).toBeLessThanOrEqual(1);
    // The next encoding begins although the first was never let go.
    submit(harness.engine, job("next", "", asked(picture(2))));
    await untilBegun(2);
    gates[1]?.open();
    await harness.untilJob("next", "finished");
    expect(harness.backend.encoded).toBe(1);
  });

  test("a cancel during a picture's pass frees the slot before the next pass of other streams", async () => {
    const feeding = withGenerator((generator) => ({
      pictures: generator.pictures && {
        ...generator.pictures,
        feed: async (piece) => {
          harness.engine.handle({ type: "cancel", jobId: "sees" });
          await generator.pictures?.feed(piece);
        },
      },
    }));
    const harness = seeing({ wrap: feeding });
    await harness.run(job("other", "Once upon a time", { maxTokens: 100 }), "token");
    expect((await harness.run(job("sees", "", asked(picture(1))), "cancelled")).steps).toBe(1);
    await harness.untilJob("other", "finished");
  });

  test("the other clients' pictures come before the client's next ones", async () => {
    const { harness, gates, untilBegun } = held({ slots: 4 });
    const jobs = { a1: picture(1), a2: picture(2), a3: picture(3), b: picture(4) };
    for (const [id, each] of Object.entries(jobs)) {
      submit(harness.engine, job(id, "", { ...asked(each), cacheScope: id.charAt(0) }));
    }
    const order: string[] = [];
    for (let i = 0; i < 4; i += 1) {
      await untilBegun(i + 1);
      order.push(Object.entries(jobs).find(([, { sha256 }]) => sha256 === gates[i]?.chunk.id)?.[0] ?? "");
      gates[i]?.open();
    }
    expect(order).toEqual(["a1", "b", "a2", "a3"]);
    await Promise.all(Object.keys(jobs).map(async (id) => await harness.untilJob(id, "finished")));
  });

  test("a picture that two jobs need is encoded once", async () => {
    const harness = seeing();
    submit(harness.engine, job("a", "", asked(picture(1))));
    submit(harness.engine, job("b", "", { ...asked(picture(1)), cacheScope: "bob" }));
    await Promise.all(["a", "b"].map(async (id) => await harness.untilJob(id, "finished")));
    expect(harness.backend.encoded).toBe(1);
    expect(harness.textOf("a")).toBe(harness.textOf("b"));
  });

  test("signs of life come while nothing else is computed, until the encoder hangs", async () => {
    const encoding = deferred<void>();
    let ms = 0;
    const hanging = withGenerator((generator) => ({
      pictures: generator.pictures && {
        ...generator.pictures,
        encode: async () => {
          encoding.resolve();
          await new Promise(() => {});
        },
      },
    }));
    const harness = seeing({ wrap: hanging, now: () => ms });
    submit(harness.engine, job("sees", "", asked(picture(1))));
    await encoding.promise;
    const signs = (): number =>
      harness.events.filter((event) => event.type === "step" && event.events.length === 0).length;
    for (let minute = 1; minute <= 10; minute += 1) {
      ms += 60_000;
      const before = signs();
      // The first call after a pass only notes the pass.
      for (let calls = 0; calls < 2; calls += 1) harness.engine.maintain();
      await harness.until((event): event is EngineEvent => event.type === "step" && signs() > before);
    }
    ms += 31_000;
    harness.engine.maintain();
    const broken = await harness.until(
      (event): event is Extract<EngineEvent, { type: "broken" }> => event.type === "broken",
    );
    expect(broken.message).toContain("the encoder of pictures hangs");
  });

  test("a failure fails its job only", async () => {
    const failing = withGenerator((generator) => ({
      pictures: generator.pictures && { ...generator.pictures, encode: () => Promise.reject(new Error("no memory")) },
    }));
    const harness = seeing({ wrap: failing });
    submit(harness.engine, job("sees", "", asked(picture(1))));
    submit(harness.engine, job("other", "Once upon a time"));
    expect(await harness.untilJob("sees", "failed")).toMatchObject({ code: "engine_failed" });
    await harness.untilJob("other", "finished");
  });

  test("a failure does not end the job that has got the slot since", async () => {
    const encoding = deferred<void>();
    const failure = deferred<void>();
    const failing = withGenerator((generator) => ({
      pictures: generator.pictures && {
        ...generator.pictures,
        encode: async () => {
          encoding.resolve();
          await failure.promise;
          throw new Error("no memory");
        },
      },
      async begin(...begun) {
        // The second job begins in the slot.
        if (encoding.settled) {
          failure.resolve();
          await new Promise((resolve) => setImmediate(resolve));
        }
        return await generator.begin(...begun);
      },
    }));
    const harness = seeing({ wrap: failing, slots: 1 });
    submit(harness.engine, job("sees", "", asked(picture(1))));
    await encoding.promise;
    submit(harness.engine, job("other", "Once upon a time"));
    harness.engine.handle({ type: "cancel", jobId: "sees" });
    await harness.untilJob("sees", "cancelled");
    await Promise.race([harness.untilJob("other", "finished"), harness.untilJob("other", "failed")]);
    expect(harness.of("other").at(-1)).toMatchObject({ type: "finished" });
  });
});

describe("a picture that was computed", () => {
  const turn = (text: string, shown: Picture, more: GivenJob = {}): GivenJob => ({
    prompt: prompt("Look: ", 0, text),
    pictures: [shown],
    ...more,
  });

  test("is reused by the next turn, which encodes and computes nothing of it", async () => {
    const harness = seeing();
    await harness.run(job("first", "", turn(" What is it?", picture(1))));
    const second = await harness.run(job("second", "", turn(" What is it? And why?", picture(1))));
    expect(harness.backend.encoded).toBe(1);
    expect(second.promptTokens - second.cachedTokens).toBeLessThan(25);
    expect(harness.textOf("second")).toBe(await answerTo(turn(" What is it? And why?", picture(1))));
  });

  test("is not reused for another picture of the same size", async () => {
    const harness = seeing();
    await harness.run(job("first", "", turn(" What is it?", picture(1))));
    const second = await harness.run(job("second", "", turn(" What is it?", picture(2))));
    expect(second.cachedTokens).toBeLessThan(12);
    expect(harness.textOf("second")).toBe(await answerTo(turn(" What is it?", picture(2))));
  });

  test("comes from a snapshot of an earlier engine, without a new encoding", async () => {
    const saved = createFakeKvSnapshots();
    const before = seeing({ saved, slots: 1 });
    await before.run(job("first", "", turn(" What is it?", picture(1))));
    // The job of another client takes the slot, so that its cache is saved.
    await before.run(job("other", "Once upon a time", { cacheScope: "bob" }));
    const after = seeing({ saved, slots: 1 });
    const second = await after.run(job("second", "", turn(" What is it? And why?", picture(1))));
    expect(after.backend.encoded).toBe(0);
    expect(second.cachedTokens).toBeGreaterThan(20);
    expect(after.textOf("second")).toBe(await answerTo(turn(" What is it? And why?", picture(1))));
  });

  test("is computed again after the loss of an engine, and the answer continues", async () => {
    const given = { ...asked(picture(1)), maxTokens: 12 };
    const whole = await answerTo(given);
    const first = seeing();
    await first.run(job("job", "", { ...given, maxTokens: 5 }));
    const tokens = first.of("job").filter((event) => event.type === "token");
    const output = { ids: tokens.flatMap(({ ids }) => ids), events: tokens.length };
    const second = seeing();
    await second.run(job("job", "", { ...given, prior: { output } }));
    expect(first.textOf("job") + second.textOf("job")).toBe(whole);
    expect(second.backend.encoded).toBe(1);
  });

  test("survives that its job is parked", async () => {
    const options = { contextPool: 150, slots: 2, contextSize: 128, limits: { headroomCells: 4 } };
    const given = { ...asked(picture(1)), maxTokens: 60, priority: -1 };
    const alone = await answerTo(given, options);
    const harness = seeing(options);
    await harness.run(job("sees", "", given), "token");
    submit(
      harness.engine,
      job("other", "Once upon a time there was a bee", { maxTokens: 60, cacheScope: "bob", priority: 1 }),
    );
    await Promise.all(["sees", "other"].map(async (id) => await harness.untilJob(id, "finished")));
    expect(harness.of("sees").map(({ type }) => type)).toContain("parked");
    expect(harness.textOf("sees")).toBe(alone);
  });
});

test("counts tell what was encoded and what was computed", async () => {
  const harness = seeing();
  await harness.run(job("a", "", asked(picture(1))));
  const operations = harness.events.flatMap((event) =>
    event.type === "picture" ? [[event.operation, event.cells]] : [],
  );
  expect(operations).toEqual([
    ["encode", 11],
    ["compute", 11],
  ]);
  expect(generatorOf(harness.backend).pictures).toBeDefined();
});
