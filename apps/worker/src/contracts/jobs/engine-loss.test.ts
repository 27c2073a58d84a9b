// Contracts about streams whose engine dies: they continue on the next engine, and only the native dialect reports it.
import { deferred } from "@waggle/async";
import { expectedFakeText } from "@waggle/engine";
import { createStepGate, type StepGate } from "@waggle/engine/testing";
import type { Backend, FakeBackend } from "@waggle/engine";
import type { Job } from "@waggle/jobs";
import type { EndEvent, GenerateRequestInput, StreamEvent, TokenEvent } from "@waggle/protocol";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, test } from "vitest";
import { specOf } from "../../testing/spec-of.ts";
import type { InlineWorkerOptions } from "../../testing/inline-worker.ts";
import { step, useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start: startWorker, post, readAll } = useInlineWorker();

function start(options: InlineWorkerOptions = {}): StepGate {
  const gate = createStepGate();
  startWorker({ slots: 2, ...options, gate });
  return gate;
}

function submit(request: GenerateRequestInput): Promise<Job> {
  return worker.dispatcher.submit(specOf({ on_disconnect: "continue", ...request }));
}

const tokensIn = (events: readonly StreamEvent[]): TokenEvent[] => events.filter((event) => event.type === "token");
const textOf = (events: readonly StreamEvent[]): string =>
  tokensIn(events)
    .map(({ text }) => text)
    .join("");

function replaceEngine(): void {
  worker.kill();
  worker.load();
}

describe("a stream whose engine dies", () => {
  const request = { prompt: "A [unicode] bee", max_tokens: 30 };
  const whole = expectedFakeText(
    { kind: "text", text: request.prompt },
    { temperature: 0, seed: 0, ignore_eos: false },
    30,
  );

  test("continues on each next engine without a gap, with one start event, one status per death and all tokens counted", async () => {
    const clock = createFakeClock();
    const gate = start({ clock });
    const job = await submit(request);
    const reading = readAll(job);
    for (const steps of [5, 11]) {
      await step(gate, steps);
      clock.advance(1_000);
      replaceEngine();
    }
    gate.open();
    const events = await reading;
    expect(textOf(events)).toBe(whole);
    expect(tokensIn(events).map(({ index }) => index)).toEqual(tokensIn(events).map((_, index) => index));
    expect(tokensIn(events).flatMap(({ ids = [] }) => ids)).toHaveLength(30);
    const times = tokensIn(events).map(({ t_ms: tMs }) => tMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(events.filter(({ type }) => type === "started")).toHaveLength(1);
    const words = events.flatMap((event) => (event.type === "status" ? [event.status] : []));
    expect(words.filter((word) => word === "resuming")).toHaveLength(2);
    expect(words.at(-1)).toBe("resuming");
    const end = events.at(-1) as EndEvent;
    expect(end).toMatchObject({ type: "end", stopped_by: "max_tokens", usage: { completion_tokens: 30 } });
    expect(end.timings.decode_ms, "on the job's own clock").toBe(2_000);
    const resumed = worker.logLines.filter(({ msg }) => msg === "stream_resumed");
    expect(resumed.map(({ tokens }) => tokens as number)).toEqual([expect.any(Number), expect.any(Number)]);
  });

  test("continues while its worker drains and refuses other jobs", async () => {
    const gate = start();
    const [job, silent] = [await submit(request), await submit({ prompt: "A" })];
    await step(gate, 1);
    while (job.log.nextToken === 0) await step(gate, 1);
    worker.dispatcher.cancel(silent, "client");
    const behind = [await submit({ prompt: "B" }), await submit({ prompt: "C" })].at(-1);
    worker.host.refuse();
    worker.kill();
    expect(behind?.state.phase).toMatchObject({ name: "ended", outcome: { code: "unavailable" } });
    worker.load();
    gate.open();
    expect(textOf(await readAll(job))).toBe(whole);
    await worker.dispatcher.idle();
  });

  test("ends with an error if the request says so, and another stream continues", async () => {
    const gate = start();
    const [strict, other] = [await submit({ ...request, on_engine_loss: "error" }), await submit(request)];
    const readings = [readAll(strict), readAll(other)];
    await step(gate, 6);
    replaceEngine();
    gate.open();
    const [ended = [], went = []] = await Promise.all(readings);
    expect(ended.at(-1)).toMatchObject({ type: "error", code: "engine_failed", retryable: true });
    expect(textOf(went)).toBe(whole);
  });

  test("ends when its model was swapped: another model cannot continue after its tokens", async () => {
    const gate = start();
    const job = await submit(request);
    await step(gate, 4);
    worker.kill();
    const waiting = await submit({ prompt: "B [eog:2]" });
    worker.host.replaceFile({ reference: "other.gguf", source: "fake" });
    expect((await readAll(job)).at(-1)).toMatchObject({ type: "error", code: "engine_failed" });
    worker.load();
    gate.open();
    expect((await readAll(waiting)).at(-1)).toMatchObject({ finish_reason: "stop" });
  });
});

describe("an embedding job whose engines die", () => {
  const input = Array.from({ length: 12 }, (_, i) => `text ${i}`);
  const ask = () => post("/v1/embeddings", { model: "waggle-fake", input });

  /** Each engine but the last dies after this many texts. */
  async function embed(engines: readonly number[]): Promise<unknown> {
    let left = engines[0] ?? Infinity;
    let deaths = 0;
    startWorker({
      fake: { kind: "embed" },
      link: {
        command: (_, deliver) => queueMicrotask(deliver),
        event(event, deliver) {
          deliver();
          const told = event.type === "step" ? event.events.filter(({ type }) => type === "embedding").length : 0;
          left -= told;
          if (told === 0 || left > 0) return;
          deaths += 1;
          left = engines[deaths] ?? Infinity;
          worker.kill();
          queueMicrotask(worker.load);
        },
      },
    });
    const response = await ask();
    const answer: unknown = await response.json();
    expect(worker.host.deaths).toBe(engines.length);
    await worker.close();
    return answer;
  }

  /** The texts that each engine got. */
  const computed = (): number[] =>
    worker.commands.flatMap((command) =>
      command.type === "prepare" && command.job.work.kind === "embed" ? [command.job.prior?.computed ?? 0] : [],
    );

  test("continues after the computed texts, after each death", async () => {
    const whole = await embed([]);
    expect(await embed([2, 1, 1, 1, 1])).toEqual(whole);
    expect(computed()).toEqual([0, 2, 3, 4, 5, 6]);
  });

  test("begins again when its model was swapped: another model has other vectors", async () => {
    const gate = deferred<void>();
    const computing = deferred<void>();
    let pieces = 0;
    const embedGate = async (): Promise<void> => {
      pieces += 1;
      if (pieces !== 3) return;
      computing.resolve();
      await gate.promise;
    };
    startWorker({ fake: { kind: "embed", embedGate } });
    const response = ask();
    await computing.promise;
    const [job] = worker.registry.liveJobs();
    worker.kill();
    worker.host.replaceFile({ reference: "other.gguf", source: "fake" });
    expect(job?.vectors).toEqual([]);
    worker.load();
    gate.resolve();
    expect((await response).status).toBe(200);
    expect(computed()).toEqual([0, 0]);
  });
});

describe("a job that kills its engines", () => {
  /** A text that kills the engine when it is tokenized. */
  const poisonousText = "poison";

  /** Starts a worker whose engine dies like a process, and whose next engine starts at once. */
  function startMortal(): void {
    const die = (): never => {
      worker.kill();
      queueMicrotask(worker.load);
      throw new Error("A process that is gone computes nothing more.");
    };
    const wrap = ({ generator, ...backend }: FakeBackend): Backend => ({
      ...backend,
      generator: generator && {
        ...generator,
        tokenize: async (input, ...rest) =>
          input.kind === "text" && input.text === poisonousText ? die() : await generator.tokenize(input, ...rest),
      },
    });
    startWorker({ slots: 4, fake: { die }, wrap });
  }

  test.each([
    ["while it is prepared", poisonousText, 2],
    ["before its first token", "[die:0]", 2],
    ["after a few tokens, again and again", "[die:5]", 3],
  ])("%s ends as a failure, and the other streams are complete", async (_, poison, deaths) => {
    startMortal();
    const neighbours = ["Ant", "Bee", "Cow", "Dog", "Eel", "Fox"].map((prompt) => ({ prompt, max_tokens: 40 }));
    const [first = [], poisoned = [], ...others] = await Promise.all(
      [neighbours[0], { prompt: poison }, ...neighbours.slice(1)].map(async (request) =>
        readAll(await submit({ max_tokens: 40, ...request })),
      ),
    );
    expect(poisoned.at(-1)).toMatchObject({ type: "error", code: "engine_failed", retryable: true });
    expect((poisoned.at(-1) as { message: string }).message).toMatch(
      "The engine crashed 2 times in a row while running this job",
    );
    const sampling = { temperature: 0, seed: 0, ignore_eos: false };
    const wholes = neighbours.map(({ prompt }) => expectedFakeText({ kind: "text", text: prompt }, sampling, 40));
    expect([first, ...others].map(textOf)).toEqual(wholes);
    expect(worker.logLines.filter(({ msg }) => msg === "stream_cancelled")).toHaveLength(1);
    expect(worker.host.deaths).toBe(deaths);
  });

  test("lets other jobs pass after 30 s, also past a second suspect, which waits until all have output", async () => {
    const clock = createFakeClock();
    const gate = start({ slots: 4, clock });
    const first = await submit({ prompt: "A bee ".repeat(500), max_tokens: 5, priority: 1 });
    const second = await submit({ prompt: "B bee ".repeat(500), max_tokens: 5, priority: 1 });
    await step(gate, 1);
    replaceEngine();
    const other = await submit({ prompt: "C [eog:3]" });
    const jobs = [first, second, other];
    const phases = (): string[] => jobs.map(({ state }) => state.phase.name);
    clock.advance(29_999);
    expect(phases()).toEqual(["running", "queued", "queued"]);
    clock.advance(1);
    expect(phases()).toEqual(["running", "queued", "running"]);
    gate.open();
    for (const job of jobs) expect((await readAll(job)).at(-1)).toMatchObject({ type: "end" });
  });

  test("starts while an endless stream runs, and no other job starts before it has output", async () => {
    const gate = start({ slots: 4 });
    const endless = await submit({ prompt: "A", max_tokens: 4_000 });
    while (!endless.state.hasNewOutput) await step(gate, 1);
    const suspect = await submit({ prompt: "B [eog:3]" });
    expect(suspect.state.phase.name).toBe("running");
    replaceEngine();
    expect(suspect.state.enginesLost).toBe(1);
    const behind = await submit({ prompt: "C [eog:3]" });
    expect([suspect, behind].map(({ state }) => state.phase.name)).toEqual(["queued", "queued"]);
    const prepared = (): boolean =>
      worker.commands.some((each) => each.type === "prepare" && each.job.jobId === after.uid);
    while (suspect.state.phase.name === "queued") await step(gate, 1);
    // Until the suspect has output, the engine may do nothing else that could kill it.
    const after = await submit({ prompt: "D [eog:3]" });
    expect(prepared()).toBe(false);
    const question = { kind: "detokenize", tokens: [97] } as const;
    await expect(worker.dispatcher.query(question, new AbortController().signal)).rejects.toMatchObject({
      code: "unavailable",
    });
    // Several steps may be needed, because the dead engine also waits at this gate.
    while (!endless.state.hasNewOutput) await step(gate, 1);
    expect([suspect, behind].map(({ state }) => state.phase.name)).toEqual(["running", "queued"]);
    while (!suspect.state.hasNewOutput) await step(gate, 1);
    expect(prepared()).toBe(true);
    expect([behind, endless].map(({ state }) => state.phase.name)).toEqual(["running", "running"]);
    worker.dispatcher.cancel(endless, "client");
    gate.open();
    for (const job of [suspect, behind, after])
      expect((await readAll(job)).at(-1)).toMatchObject({ finish_reason: "stop" });
  });
});
