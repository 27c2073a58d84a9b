// Owns the contract of a Backend that reads pictures, as tests for the fake backend and the real one.
import {
  createEngine,
  type Backend,
  type EngineEvent,
  type JobEvent,
  type Picture,
  type PromptInput,
} from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { story, type ResumableJob } from "./resume-contract.ts";

export interface PictureContractOptions {
  /** Two pictures of the same size. */
  readonly pictures: readonly [Picture, Picture];
  /** Makes a backend that finds the snapshots of the one before; undefined if the backend saves none. */
  readonly remake?: () => Promise<Backend>;
}

/** A prompt of texts and pictures. Numbers are the indexes of pictures. */
export function promptOf(...parts: readonly (string | number)[]): PromptInput {
  const content = parts.map((part) =>
    typeof part === "string" ? { type: "text" as const, text: part } : { type: "image" as const, picture: part },
  );
  return { kind: "messages", messages: [{ role: "user", content }] };
}

/** Jobs that see this picture, for the contracts of jobs that resume or are parked. */
export function picturedJobs(picture: Picture): Readonly<Record<string, ResumableJob>> {
  const prompt = promptOf("Look: ", 0, " What do you see?");
  return { "a prompt with a picture": { prompt, pictures: [picture], maxTokens: 24 } };
}

interface Answer {
  readonly ids: readonly number[];
  readonly end: JobEvent;
  readonly cachedTokens: number;
}

/** A backend with an engine on it. */
interface Bench {
  readonly events: readonly EngineEvent[];
  run(job: ResumableJob, scope?: string): Promise<Answer>;
  close(): Promise<void>;
}

function runEngine(backend: Backend, prefillBudget?: number): Bench {
  const events: EngineEvent[] = [];
  const watching = new Set<(event: JobEvent) => void>();
  let serial = 0;
  const engine = createEngine({
    backend,
    limits: { prefixStoreBytes: 2 ** 30, maxWaiting: 8, ...(prefillBudget === undefined ? {} : { prefillBudget }) },
    now: () => performance.now(),
    random32: () => 1,
    emit(event) {
      if (event.type === "broken") throw new Error(event.message);
      events.push(event);
      if (event.type === "step") for (const each of event.events) for (const watch of watching) watch(each);
    },
  });
  const running = engine.run();
  return {
    events,
    async run({ prompt: given, sampling: fields, ...job }, scope) {
      const jobId = `job-${(serial += 1)}`;
      const prompt = typeof given === "string" ? ({ kind: "text", text: given } as const) : given;
      const sampling = SamplingSchema.parse({ temperature: 0, seed: 1, ...fields });
      const work = { stop: [], ...job, kind: "generate", prompt, choices: 1, sampling } as const;
      const ids: number[] = [];
      let cachedTokens = 0;
      return await new Promise((resolve) => {
        const watch = (event: JobEvent): void => {
          if (event.jobId !== jobId) return;
          if (event.type === "started") cachedTokens = event.cachedTokens;
          if (event.type === "token") ids.push(...event.ids);
          if (event.type !== "finished" && event.type !== "failed") return;
          watching.delete(watch);
          resolve({ ids, end: event, cachedTokens });
        };
        watching.add(watch);
        engine.handle({ type: "prepare", job: { jobId, work, cacheScope: scope ?? jobId, priority: 0 } });
        engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
      });
    },
    async close() {
      engine.handle({ type: "shutdown" });
      await running;
    },
  };
}

/**
 * Registers a suite for a backend that reads pictures, with at least two slots and a context that has room for two pictures and an answer. The suite
 * makes one backend and disposes of it.
 */
export function pictureContract(
  name: string,
  makeBackend: () => Promise<Backend>,
  { pictures: [first, second], remake }: PictureContractOptions,
): void {
  const look = (picture: Picture, question = " What do you see?"): ResumableJob => ({
    prompt: promptOf("Look: ", 0, question),
    pictures: [picture],
    maxTokens: 16,
    sampling: { ignore_eos: true },
  });
  const compare: ResumableJob = {
    prompt: promptOf("Compare ", 0, " and ", 1, " and again ", 0, "."),
    pictures: [first, second],
    maxTokens: 16,
    sampling: { ignore_eos: true },
  };

  describe(`${name} reads pictures`, () => {
    let backend: Backend;
    let bench: Bench;
    beforeAll(async () => {
      backend = await makeBackend();
      bench = runEngine(backend);
    });
    afterAll(async () => {
      await bench.close();
      await backend.dispose();
    });

    const counted = (operation: "encode" | "compute"): number =>
      bench.events.filter((event) => event.type === "picture" && event.operation === operation).length;

    test("a picture counts as tokens of the prompt, and changes the answer", async () => {
      const [one, other] = [await bench.run(look(first)), await bench.run(look(second))];
      const text = await bench.run({ ...look(first), prompt: promptOf("Look: ", " What do you see?"), pictures: [] });
      expect(one.end).toMatchObject({ type: "finished", by: "max_tokens" });
      expect(one.ids).not.toEqual(other.ids);
      expect(promptTokensOf(one)).toBe(promptTokensOf(other));
      expect(promptTokensOf(one)).toBeGreaterThan(promptTokensOf(text) + 3);
    });

    test("several pictures, one of them twice, are computed where they are in the prompt", async () => {
      const answer = await bench.run(compare);
      const swapped = await bench.run({ ...compare, pictures: [second, first] });
      expect(answer.end).toMatchObject({ type: "finished" });
      expect(swapped.ids).not.toEqual(answer.ids);
    });

    test("the answer does not depend on other jobs, nor on how the picture is divided", async () => {
      const alone = await bench.run(compare);
      const [beside] = await Promise.all([
        bench.run(compare),
        bench.run({ prompt: story, maxTokens: 40, sampling: { ignore_eos: true } }),
      ]);
      expect(beside.ids).toEqual(alone.ids);
      await bench.close();
      const small = runEngine(backend, 3);
      const divided = await small.run(compare);
      await small.close();
      bench = runEngine(backend);
      expect(divided.ids).toEqual(alone.ids);
    });

    test("the next turn neither encodes nor computes the picture again, and has the same answer", async () => {
      const next = look(first, " What do you see? And what else do you see there?");
      const cold = await bench.run(next);
      await bench.run(look(first), "alice");
      const [encoded, computed] = [counted("encode"), counted("compute")];
      const warm = await bench.run(next, "alice");
      expect([counted("encode"), counted("compute")]).toEqual([encoded, computed]);
      expect(warm.ids).toEqual(cold.ids);
      expect(promptTokensOf(warm) - warm.cachedTokens).toBeLessThan(promptTokensOf(warm) - 4);
    });

    test("a picture of the same size in the same place is computed, not reused", async () => {
      const cold = await bench.run(look(second));
      await bench.run(look(first), "carol");
      expect((await bench.run(look(second), "carol")).ids).toEqual(cold.ids);
    });

    test("a file that is no picture fails its job only; a note takes its place", async () => {
      const bytes = new TextEncoder().encode("broken: this is no picture");
      const broken = look({ bytes, sha256: "0".repeat(64) });
      const note = { type: "image", picture: 0, note: "[image, left out]" } as const;
      const past = { kind: "messages", messages: [{ role: "user", content: [note] }] } as const;
      const [refused, other, noted] = await Promise.all(
        [broken, look(first), { ...broken, prompt: past }].map(async (job) => await bench.run(job)),
      );
      expect(refused?.end).toMatchObject({ type: "failed", code: "invalid_argument" });
      expect(refused?.end).toHaveProperty("message", expect.stringContaining("Cannot read picture 1"));
      for (const one of [other, noted]) expect(one?.end).toMatchObject({ type: "finished" });
    });

    if (remake === undefined) return;

    test("a snapshot serves a later backend, which encodes nothing", async () => {
      const next = look(first, " What do you see? And why is that?");
      const cold = await bench.run(next);
      await bench.run(look(first), "dora");
      // Other jobs take all slots, so that the cache is saved.
      await Promise.all(
        Array.from({ length: backend.info.slots }, async () => await bench.run({ prompt: story, maxTokens: 4 })),
      );
      await bench.close();
      await backend.dispose();
      backend = await remake();
      bench = runEngine(backend);
      const warm = await bench.run(next, "dora");
      expect(counted("encode")).toBe(0);
      expect(warm.cachedTokens).toBeGreaterThan(4);
      expect(warm.ids).toEqual(cold.ids);
    });
  });
}

function promptTokensOf({ end }: Answer): number {
  if (end.type !== "finished") throw new Error(`The job ended with ${JSON.stringify(end)}`);
  return end.promptTokens;
}
