// Contracts about the time between a job's preparation and its start: whatever happens to the engine or to the prepared work, the stream is whole.
import { deferred } from "@waggle/async";
import { expectedFakeText } from "@waggle/engine";
import { createStepGate } from "@waggle/engine/testing";
import type { Backend, EngineCommand, FakeBackend, PromptInput } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import { SamplingSchema, WaggleError } from "@waggle/protocol";
import type { GenerateRequestInput, Sampling, StreamEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { streamDialects } from "@waggle/testing/harness";
import { describe, expect, test } from "vitest";
import { answerToUndelivered } from "../../engine/undeliverable.ts";
import { createFleetPort } from "../../fleet/fleet-port.ts";
import { promptLink, type InlineLink } from "../../testing/inline-engine.ts";
import { specOf } from "../../testing/spec-of.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, lastWork, readAll, post } = useInlineWorker();

const request = { prompt: "Tell me about bees", max_tokens: 12 } as const;
const whole = expectedText(request.prompt, 12);

function expectedText(text: string, tokens: number, given: Partial<Sampling> = {}): string {
  return expectedFakeText({ kind: "text", text }, SamplingSchema.parse({ temperature: 0, ...given }), tokens);
}

async function submit(
  given: GenerateRequestInput = request,
  choices = 1,
  how: { ticket?: number; hasLeft?: () => boolean } = {},
): Promise<Job> {
  const spec = specOf({ on_disconnect: "continue", ...given });
  const who = { ...spec.who, ticket: how.ticket };
  return await worker.dispatcher.submit({ ...spec, who, work: { ...spec.work, choices } }, how);
}

function textOf(events: readonly StreamEvent[], choice = 0): string {
  return events.map((event) => (event.type === "token" && (event.choice ?? 0) === choice ? event.text : "")).join("");
}

/** Settings with which choices differ. */
const drawn = { temperature: 1, seed: 3 } as const;

/** Expects the texts that two choices have with the settings `drawn`. */
function expectTwo(events: readonly StreamEvent[], prompt: string, tokens: number): void {
  for (const choice of [0, 1]) {
    const { temperature, seed } = drawn;
    expect(textOf(events, choice)).toBe(expectedText(prompt, tokens, { temperature, seed: seed + choice }));
  }
}

/** Expects the stream of an undisturbed job. */
function expectWhole(events: readonly StreamEvent[], text = whole): void {
  expect(textOf(events)).toBe(text);
  expect(events.at(-1)).toMatchObject({ type: "end", finish_reason: "length" });
  expect(events).not.toContainEqual(expect.objectContaining({ type: "status", status: "resuming" }));
}

const typesOf = (commands: readonly EngineCommand[]): string[] => commands.map(({ type }) => type);

describe("an engine that dies", () => {
  let dead = false;

  function die(): void {
    dead = true;
    worker.kill();
    queueMicrotask(worker.load);
  }

  /** The first command of this type gets lost, because the engine dies. */
  const losing = (type: EngineCommand["type"]): InlineLink => ({
    ...promptLink,
    command(command, deliver) {
      if (command.type === type && !dead) queueMicrotask(die);
      else queueMicrotask(deliver);
    },
  });

  /** The engine dies when it has sent the first answer to `prepare`. */
  const answering: InlineLink = {
    ...promptLink,
    event(event, deliver) {
      deliver();
      if (event.type === "prepared" && !dead) die();
    },
  };

  test.each([
    ["after `prepare`, before its answer", losing("prepare"), ["prepare", "prepare", "start"]],
    ["after the answer, before `start`", answering, ["prepare", "prepare", "start"]],
    ["after `start`, before the job begins", losing("start"), ["prepare", "start", "prepare", "start"]],
  ])("%s, does not change the stream", async (_when, link, commands) => {
    dead = false;
    start({ link });
    expectWhole(await readAll(await submit()));
    expect(dead).toBe(true);
    expect(typesOf(worker.commands)).toEqual(commands);
  });

  test.each([
    ["the same model", () => {}],
    ["another model", () => worker.host.replaceFile({ reference: "other.gguf", source: "fake" })],
  ])(
    "while a prepared job waits in the queue, and is followed by an engine with %s, does not change the stream",
    async (_, change) => {
      const gate = createStepGate();
      start({ slots: 1, gate });
      const running = await submit({ prompt: "First", max_tokens: 3 });
      const waiting = await submit();
      expect(worker.preparedJobs).toBe(1);
      worker.kill();
      change();
      worker.load();
      gate.open();
      expectWhole(await readAll(waiting));
      await readAll(running);
      expect(worker.preparedJobs).toBe(0);
    },
  );
});

describe("prepared work that the engine did not keep", () => {
  test("is prepared again once, for all choices, and no client notices", async () => {
    start({ slots: 2, preparedBytes: 0 });
    expectTwo(await readAll(await submit({ ...request, ...drawn }, 2)), request.prompt, 12);
    expect(typesOf(worker.commands)).toEqual(["prepare", "start", "prepare"]);
  });

  test("is not prepared again for a job that was aborted meanwhile, and the engine keeps nothing of the job", async () => {
    start({
      preparedBytes: 0,
      link: {
        ...promptLink,
        event(event, deliver) {
          if (event.type === "unprepared")
            worker.dispatcher.abort(new WaggleError("unavailable", "The worker is leaving."));
          deliver();
        },
      },
    });
    expect((await readAll(await submit())).at(-1)).toMatchObject({ type: "error", code: "unavailable" });
    await worker.dispatcher.still();
    expect(typesOf(worker.commands)).toEqual(["prepare", "start", "cancel"]);
  });

  test("ends its job with the error if it cannot be sent again, and frees the slot", async () => {
    let prepares = 0;
    start({
      slots: 1,
      preparedBytes: 0,
      link: {
        ...promptLink,
        command(command, deliver) {
          if (command.type === "prepare") prepares += 1;
          if (command.type !== "prepare" || prepares !== 2) return queueMicrotask(deliver);
          const answer = answerToUndelivered(command, { code: "invalid_argument", message: "too deep" });
          if (answer !== undefined) queueMicrotask(() => worker.emit(answer));
        },
      },
    });
    expect((await readAll(await submit())).at(-1)).toMatchObject({ type: "error", message: "too deep" });
    expectWhole(await readAll(await submit()));
  });
});

describe("a preparation that takes longer than the acceptance waits", () => {
  const clock = createFakeClock();
  const tooLong = `slow ${"x".repeat(100)}`;
  let tokenized: number;
  let go: () => void;

  /** Tokenizing of prompts with a text that begins with "slow" waits for `go`. */
  function startSlow(slots = 1): ReturnType<typeof createStepGate> {
    const gate = createStepGate();
    const allowed = deferred<void>();
    go = () => allowed.resolve();
    tokenized = 0;
    const wrap = (fake: FakeBackend): Backend => {
      const { generator } = fake;
      if (generator === undefined) throw new Error("The fake backend does not generate.");
      const tokenize = async (input: PromptInput) => {
        if (JSON.stringify(input).includes('"slow')) {
          tokenized += 1;
          await allowed.promise;
        }
        return await generator.tokenize(input);
      };
      return { ...fake, generator: { ...generator, tokenize } };
    };
    start({ slots, contextSize: 64, clock, gate, wrap });
    return gate;
  }

  async function acceptedLate(given: GenerateRequestInput, choices = 1, limitMs = 80): Promise<Job> {
    const submitted = submit(given, choices);
    await expect.poll(() => tokenized).toBe(1);
    clock.advance(limitMs);
    return await submitted;
  }

  test("continues, and its prompt is tokenized once, for all choices", async () => {
    startSlow(2).open();
    const job = await acceptedLate({ prompt: "slow", max_tokens: 5, ...drawn }, 2);
    expect(worker.dispatcher.running).toBe(2);
    go();
    expectTwo(await readAll(job), "slow", 5);
    expect(tokenized).toBe(1);
    expect(typesOf(worker.commands)).toEqual(["prepare", "start"]);
  });

  test.each(streamDialects)(
    "of a $name prompt that is too long is a 400 within a second, later a whole stream",
    async (of) => {
      const ask = async (ms: number): Promise<Response> => {
        startSlow().open();
        const answer = post(of.path, of.body({ model: "waggle-fake", prompt: tooLong, maxTokens: 3 }));
        await expect.poll(() => tokenized).toBe(1);
        clock.advance(ms);
        if (ms < 1_000) go();
        return await answer;
      };
      // Codex reads this error in a stream only.
      expect((await ask(999)).status).toBe(of.name === "Responses" ? 200 : 400);
      const late = await ask(1_000);
      go();
      const text = await late.text();
      expect([late.status, text]).toEqual([
        200,
        expect.stringMatching(/prompt is too long|maximum context length|context size/),
      ]);
      expect(text).not.toContain("queued");
    },
  );

  const inSession = { session_id: "s", max_tokens: 3 };

  test.each(["running", "queued"])("ends its session's %s job when it is done", async (phase) => {
    const gate = startSlow();
    if (phase === "queued") await submit({ prompt: "Before", max_tokens: 3 });
    const first = await submit({ prompt: "First", ...inSession });
    const later = await submit({ prompt: "Later", max_tokens: 3 });
    await gate.held();
    const job = await acceptedLate({ prompt: "slow", ...inSession });
    expect(first.state.phase.name).toBe(phase);
    go();
    await expect.poll(() => first.state.phase.name).toBe(phase === "queued" ? "ended" : "ending");
    if (phase === "queued") expect([job, later].map((each) => worker.dispatcher.position(each))).toEqual([1, 2]);
    gate.open();
    expect((await readAll(first)).at(-1)).toMatchObject({ cancelled_by: "superseded" });
    expectWhole(await readAll(job), expectedText("slow", 3));
    await readAll(later);
  });

  test("ends its session's running job when the engine dies while it checks the work", async () => {
    const gate = startSlow();
    const first = await submit({ prompt: "First", ...inSession });
    await gate.held();
    const job = await acceptedLate({ prompt: "slow", ...inSession });
    worker.kill();
    expect([first.state.phase.name, job.state.phase.name]).toEqual(["ended", "queued"]);
    go();
    gate.open();
    worker.load();
    expectWhole(await readAll(job), expectedText("slow", 3));
  });

  test("leaves nothing when its job is cancelled before it starts", async () => {
    const gate = startSlow();
    const first = await submit({ prompt: "First", max_tokens: 3 });
    const job = await acceptedLate({ prompt: "slow" });
    worker.dispatcher.cancel(job, "client");
    expect((await readAll(job)).at(-1)).toMatchObject({ cancelled_by: "client" });
    go();
    gate.open();
    await readAll(first);
    expect(worker.preparedJobs).toBe(0);
  });
});

test("a refused job leaves nothing prepared", async () => {
  const gate = createStepGate();
  start({ slots: 1, queueCapacity: 1, gate });
  // Both last jobs pass the first check of the queue, and only one of them finds room after its preflight.
  const results = await Promise.allSettled([submit(), submit(), submit()]);
  expect(results.map(({ status }) => status)).toContain("rejected");
  gate.open();
  for (const result of results) if (result.status === "fulfilled") await readAll(result.value);
  await expect.poll(() => worker.preparedJobs).toBe(0);
});

test("2,000 questions of gateways leave nothing prepared at a worker", async () => {
  start({ contextSize: 256 });
  await readAll(await submit());
  const job = { jobId: "gateway", work: lastWork(), cacheScope: "a", priority: 0 };
  const entry = { current: worker.host };
  const port = createFleetPort({
    id: "w",
    version: "1",
    models: { named: () => entry },
    report: { heartbeats: () => () => undefined },
  } as never);
  const long = { ...job, work: { ...job.work, prompt: { kind: "text", text: "x".repeat(300) } } } as const;
  for (let i = 0; i < 1_000; i += 1) {
    const sized = await port.answer({ kind: "preflight", model: "m", job });
    expect(sized).toMatchObject({ size: { promptTokens: request.prompt.length + 1 } });
    await expect(port.answer({ kind: "preflight", model: "m", job: long })).rejects.toMatchObject({
      code: "invalid_argument",
    });
  }
  await expect.poll(() => worker.preparedJobs).toBe(0);
});
