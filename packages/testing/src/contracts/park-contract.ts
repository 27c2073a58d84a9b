// Owns the contract of parking with every Backend, as tests: next to another job, a job is parked because the context pool is full, and returns. Its
// answer must be the same as alone.
import {
  createEngine,
  entryTokens,
  type Backend,
  type Engine,
  type EngineJob,
  type GenerateWork,
  type JobEvent,
  type Token,
} from "@waggle/engine";
import { SamplingSchema } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { alike, comparable, comparableEnd, resumableJobs, story, type ResumableJob } from "./resume-contract.ts";

export interface ParkContractOptions {
  /** More jobs, by the feature that they test. */
  readonly jobs?: Readonly<Record<string, ResumableJob>>;
  /** Tests only `jobs`. */
  readonly alone?: boolean;
  /** Parts of the answer after which the job is parked; every second time, snapshots are saved. */
  readonly places?: readonly number[];
}

/** Registers a suite for a backend with at least two slots and a context of 256 tokens. The suite makes one backend and disposes of it. */
export function parkContract(
  name: string,
  makeBackend: () => Promise<Backend>,
  { jobs = {}, alone = false, places = [0, 0.1, 0.5, 0.9] }: ParkContractOptions = {},
): void {
  describe(`a job on ${name} that is parked`, () => {
    let backend: Backend;
    beforeAll(async () => {
      backend = await makeBackend();
    });
    afterAll(() => backend.dispose());

    /** Runs a new engine with this context pool on the backend, until `use` has ended. Returns the events of all jobs. */
    async function withEngine(
      contextPool: number,
      prefixStoreBytes: number,
      use: (engine: Engine, until: (jobId: string, ...types: JobEvent["type"][]) => Promise<void>) => Promise<void>,
    ): Promise<readonly JobEvent[]> {
      const events: JobEvent[] = [];
      let check = (): void => {};
      let broken: Error | undefined;
      const engine = createEngine({
        backend: { ...backend, info: { ...backend.info, contextPool } },
        // Prompts take several steps, so that a job can be parked before its first token.
        limits: { prefixStoreBytes, maxWaiting: 8, headroomCells: 1, prefillBudget: 8 },
        // Clients share measured time. Here the jobs of two clients have to compute together, so no time passes.
        now: () => 0,
        random32: () => 1,
        emit(event) {
          if (event.type === "broken") broken = new Error(event.message);
          if (event.type === "step") events.push(...event.events);
          check();
        },
      });
      const until = (jobId: string, ...types: JobEvent["type"][]): Promise<void> =>
        new Promise((resolve, reject) => {
          check = () => {
            if (broken !== undefined) reject(broken);
            if (events.some((event) => event.jobId === jobId && types.includes(event.type))) resolve();
          };
          check();
        });
      const running = engine.run();
      await use(engine, until);
      engine.handle({ type: "shutdown" });
      await running;
      return events;
    }

    function start(engine: Engine, job: EngineJob<GenerateWork>): void {
      const { jobId } = job;
      engine.handle({ type: "prepare", job });
      engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
    }

    function jobOf({ prompt, ...more }: ResumableJob): EngineJob<GenerateWork> {
      const input = typeof prompt === "string" ? ({ kind: "text", text: prompt } as const) : prompt;
      const sampling = SamplingSchema.parse({ temperature: 0, seed: 1, ...more.sampling });
      const work = { stop: [], ...more, kind: "generate", prompt: input, choices: 1, sampling } as const;
      return { jobId: "parked", work, cacheScope: "alice", priority: -1 };
    }

    /** A job that the engine does not park, with a prompt of this many tokens. */
    async function otherJob(promptTokens: number, maxTokens: number): Promise<EngineJob<GenerateWork>> {
      const prompted = await backend.generator?.tokenize({ kind: "text", text: story });
      const tokens = entryTokens(prompted?.entries ?? []);
      const pieces = [Array.from({ length: promptTokens }, (_, i): Token => tokens[i % tokens.length] ?? 0)];
      const sampling = SamplingSchema.parse({ temperature: 0, seed: 1, ignore_eos: true });
      const prompt = { kind: "pieces", pieces } as const;
      const work = { kind: "generate", prompt, choices: 1, stop: [], sampling, maxTokens } as const;
      return { jobId: "other", work, cacheScope: "bob", priority: 1 };
    }

    async function runAlone(job: ResumableJob): Promise<Run> {
      const { contextSize } = backend.info;
      return runOf(
        await withEngine(contextSize, 0, async (engine, until) => {
          start(engine, jobOf(job));
          await until("parked", "finished", "failed");
        }),
      );
    }

    /** Runs the job in a pool that is full when it has about this many tokens. */
    async function runParked(job: ResumableJob, whole: Run, cut: number, prefixStoreBytes: number): Promise<Run> {
      const promptTokens = whole.started?.promptTokens ?? 0;
      // The pool must have room for the whole answer once the other job has ended.
      const otherTokens = Math.max(16, whole.completionTokens + 2 - 2 * cut);
      const pool = promptTokens + otherTokens + 2 * cut;
      const lasts = cut + 12 + Math.ceil(promptTokens / 8);
      const other = await otherJob(otherTokens, Math.min(lasts, pool - otherTokens));
      return runOf(
        await withEngine(pool, prefixStoreBytes, async (engine, until) => {
          start(engine, other);
          await until("other", "started");
          start(engine, jobOf(job));
          await until("parked", "finished", "failed");
          await until("other", "finished");
        }),
      );
    }

    test.each(Object.entries(alone ? jobs : { ...resumableJobs, ...jobs }))(
      "returns with %s as if nothing had happened",
      async (_kind, job) => {
        const whole = await runAlone(job);
        expect(whole.end?.type, JSON.stringify(whole.end)).toBe("finished");
        for (const [i, place] of places.entries()) {
          // At least three tokens, so that the job begins while the other job runs.
          const cut = 3 + Math.floor(place * Math.max(0, whole.completionTokens - 5));
          const run = await runParked(job, whole, cut, i % 2 === 0 ? 0 : 2 ** 30);
          const where = `parked after about ${cut} of ${whole.completionTokens} tokens`;
          expect(run.parks, where).toBeGreaterThan(0);
          expect(run.tokens.map(comparable), where).toEqual(whole.tokens.map(alike));
          expect(comparableEnd(run.end as JobEvent), where).toEqual(comparableEnd(whole.end as JobEvent));
          expect(run.promptLogprobs, where).toEqual(whole.promptLogprobs);
          expect(run.started?.promptTokens, where).toBe(whole.started?.promptTokens);
        }
      },
    );
  });
}

interface Run {
  readonly started: Extract<JobEvent, { type: "started" }> | undefined;
  readonly tokens: readonly Extract<JobEvent, { type: "token" }>[];
  /** The ids of the prompt's tokens with logprobs, in the order in which they were sent. */
  readonly promptLogprobs: readonly Token[];
  readonly parks: number;
  readonly completionTokens: number;
  readonly end: JobEvent | undefined;
}

/** @throws Error when the job has started twice */
function runOf(all: readonly JobEvent[]): Run {
  const events = all.filter(({ jobId }) => jobId === "parked");
  const starts = events.filter((event) => event.type === "started");
  if (starts.length > 1) throw new Error("The job has started twice");
  const end = events.at(-1);
  return {
    started: starts[0],
    tokens: events.filter((event) => event.type === "token"),
    promptLogprobs: events.flatMap((event) =>
      event.type === "prompt_logprobs" ? event.entries.map(({ id }) => id) : [],
    ),
    parks: events.filter(({ type }) => type === "parked").length,
    completionTokens: end?.type === "finished" ? end.completionTokens : 0,
    end,
  };
}
