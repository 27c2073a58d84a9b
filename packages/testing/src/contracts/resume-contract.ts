// Owns the contract of resuming with every Backend, as tests: a job is cut after one of its token events, and starts again with its output so far.
// The rest must be the same as without the cut.
import {
  createEngine,
  type Backend,
  type Engine,
  type GenerateWork,
  type JobEvent,
  type PriorOutput,
  type PromptInput,
} from "@waggle/engine";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

type TokenEvent = Extract<JobEvent, { type: "token" }>;

/** The work of a job, in its differences from greedy sampling. The job must end by itself. */
export interface ResumableJob extends Partial<Omit<GenerateWork, "kind" | "choices" | "prompt" | "sampling">> {
  readonly prompt: string | PromptInput;
  readonly sampling?: Partial<Sampling>;
}

export interface ResumeContractOptions {
  /** More jobs, by the feature that they test. */
  readonly jobs?: Readonly<Record<string, ResumableJob>>;
  /** Tests only `jobs`, because the model was made for them. */
  readonly alone?: boolean;
  /** With n, tries only every nth cut, and also the first and the last cut; 1 by default. */
  readonly everyCut?: number;
}

/** A job's events, from its start to its end. */
interface Run {
  readonly started: Extract<JobEvent, { type: "started" }> | undefined;
  readonly tokens: readonly TokenEvent[];
  readonly end: JobEvent;
}

export const story = "Once upon a time there was a little bee. One day the bee went to the garden";

export const resumableJobs: Readonly<Record<string, ResumableJob>> = {
  "plain text": { prompt: story, maxTokens: 40 },
  "sampling with a seed": { prompt: story, maxTokens: 40, sampling: { temperature: 1.2, min_p: 0, seed: 7 } },
  "penalties and DRY": {
    prompt: `${story}. ${story}`,
    maxTokens: 40,
    sampling: { repeat_penalty: 1.3, presence_penalty: 0.4, dry_multiplier: 0.8, dry_allowed_length: 1, seed: 3 },
  },
  "characters of several tokens": {
    prompt: `[unicode] ${story}`,
    maxTokens: 40,
    sampling: { grammar: 'root ::= ("🐝" | "蜜" | "ё" | " bee")+', temperature: 1, seed: 5 },
  },
  "a grammar": {
    prompt: story,
    maxTokens: 60,
    sampling: { grammar: 'root ::= "{" pair ("," pair)* "}"\npair ::= "\\"" [a-z]+ "\\":" [0-9]+', seed: 11 },
  },
  logprobs: { prompt: story, maxTokens: 20, topLogprobs: 3 },
  "logprobs of the prompt": { prompt: story, maxTokens: 8, topLogprobs: 1, promptLogprobs: true },
  "an answer that repeats itself": {
    prompt: story,
    maxTokens: 100,
    repetitionLimit: 3,
    sampling: { temperature: 0, logit_bias: { "300": 100, "20": -5 } },
  },
  "an indent": { prompt: `${story}\n`, maxTokens: 30, lines: { minIndent: 0 } },
};

/** Registers a suite for a backend with at least two slots and a context of 256 tokens. The suite makes one backend and disposes of it. */
export function resumeContract(
  name: string,
  makeBackend: () => Promise<Backend>,
  { jobs: more = {}, alone = false, everyCut = 1 }: ResumeContractOptions = {},
): void {
  describe(`a job on ${name} that resumes after its output`, () => {
    let backend: Backend;
    let engine: Engine;
    let running: Promise<void>;
    let serial = 0;
    const hearing = new Map<string, (event: JobEvent) => void>();
    beforeAll(async () => {
      backend = await makeBackend();
      engine = createEngine({
        backend,
        limits: { prefixStoreBytes: 0, maxWaiting: 8 },
        now: () => performance.now(),
        random32: () => 1,
        emit(event) {
          if (event.type === "broken") throw new Error(event.message);
          if (event.type !== "step") return;
          for (const jobEvent of event.events) hearing.get(jobEvent.jobId)?.(jobEvent);
        },
      });
      running = engine.run();
    });
    afterAll(async () => {
      engine.handle({ type: "shutdown" });
      await running;
      await backend.dispose();
    });

    /** @param scope jobs share caches within a scope only; by default each job has a separate scope */
    function run(job: ResumableJob, before?: readonly TokenEvent[], scope?: string): Promise<Run> {
      const jobId = `job-${(serial += 1)}`;
      const sampling = SamplingSchema.parse({ temperature: 0, seed: 1, ...job.sampling });
      const { prompt: given } = job;
      const prompt = typeof given === "string" ? ({ kind: "text", text: given } as const) : given;
      return new Promise((resolve) => {
        let started: Run["started"];
        const tokens: TokenEvent[] = [];
        hearing.set(jobId, (event) => {
          if (event.type === "started") started = event;
          else if (event.type === "token") tokens.push(event);
          else if (event.type === "finished" || event.type === "failed" || event.type === "cancelled") {
            hearing.delete(jobId);
            resolve({ started, tokens, end: event });
          }
        });
        engine.handle({
          type: "prepare",
          job: {
            jobId,
            work: { stop: [], ...job, kind: "generate", prompt, choices: 1, sampling },
            cacheScope: scope ?? jobId,
            priority: 0,
            prior: before === undefined ? undefined : { output: priorOutputOf(before) },
          },
        });
        engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
      });
    }

    /** Cuts the job after `cut` token events, and resumes it in a slot without its cache. */
    async function expectSame(whole: Run, job: ResumableJob, cut: number): Promise<void> {
      const before = whole.tokens.slice(0, cut);
      const rest = await run(job, before);
      const where = `cut after event ${cut - 1} of ${whole.tokens.length}`;
      const all = [...before, ...rest.tokens];
      const parted = whole.tokens.findIndex(({ ids: [id] }, i) => id !== all[i]?.ids[0]);
      if (parted >= cut && (await isClose(job, whole.tokens.slice(0, parted), whole.tokens[parted], all[parted]))) {
        expect(all.slice(0, parted).map(comparable), where).toEqual(whole.tokens.slice(0, parted).map(alike));
        return;
      }
      expect(all.map(comparable), where).toEqual(whole.tokens.map(alike));
      expect(comparableEnd(rest.end), where).toEqual(comparableEnd(whole.end));
      expect(rest.started?.promptTokens, where).toBe(whole.started?.promptTokens);
    }

    /**
     * Whether two tokens are nearly equally probable after the output: rounding decides between those, and differs with the processor and with the tokens that
     * a step computes.
     */
    async function isClose(
      job: ResumableJob,
      output: readonly TokenEvent[],
      ...tokens: readonly (TokenEvent | undefined)[]
    ) {
      const { tokens: next } = await run({ ...job, topLogprobs: 2_000 }, output);
      const top = next[0]?.logprobs?.[0]?.top ?? [];
      const [one = Number.NaN, other = Number.NaN] = tokens.map(
        (token) => top.find(({ id }) => id === token?.ids[0])?.logprob,
      );
      return Math.abs(one - other) < 0.02;
    }

    async function expectSameEverywhere(job: ResumableJob): Promise<Run> {
      const whole = await run(job);
      expect(whole.end.type, JSON.stringify(whole.end)).toBe("finished");
      const last = whole.tokens.length;
      for (let cut = 1; cut <= last; cut += 1) {
        if (cut % everyCut === 0 || cut === 1 || cut === last) await expectSame(whole, job, cut);
      }
      return whole;
    }

    const all = alone ? more : { ...resumableJobs, ...more };
    test.each(Object.entries(all))("continues %s as if nothing had happened", async (_kind, job) => {
      await expectSameEverywhere(job);
    });
    if (alone) return;

    test("stops at a stop string that begins before the cut and ends after it", async () => {
      const { tokens } = await run({ prompt: story, maxTokens: 40 });
      const text = tokens.map((token) => token.text).join("");
      const stop = text.slice(Math.floor(text.length / 2), Math.floor(text.length / 2) + 12);
      const whole = await expectSameEverywhere({ prompt: story, maxTokens: 40, stop: [stop] });
      expect(whole.end).toMatchObject({ by: "stop_string", stopString: stop });
    });

    test("reuses its output if the output is still in the cache", async () => {
      const job = { prompt: story, maxTokens: 20 };
      const whole = await run(job, undefined, "shared");
      const before = whole.tokens.slice(0, 12);
      const rest = await run(job, before, "shared");
      expect([...before, ...rest.tokens].map(comparable)).toEqual(whole.tokens.map(alike));
      expect(rest.started?.cachedTokens).toBe(whole.started?.promptTokens);
    });

    test("continues up to the end of its context, without a gap", async () => {
      const job: ResumableJob = { prompt: story, sampling: { ignore_eos: true } };
      const { tokens: whole, end: wholeEnd } = await run(job);
      for (const share of [0.2, 0.5, 0.9]) {
        const before = whole.slice(0, Math.floor(share * whole.length));
        const { tokens, end } = await run(job, before);
        const all = [...before, ...tokens];
        const completionTokens = all.flatMap(({ ids }) => ids).length;
        expect(end).toMatchObject({ type: "finished", by: "context", completionTokens });
        expect(wholeEnd).toMatchObject({ completionTokens });
        expect(all.map(({ index }) => index)).toEqual(all.map((_, index) => index));
      }
    });

    test("is refused if its output has tokens that the model does not have", async () => {
      const { end } = await run({ prompt: story, maxTokens: 4 }, [
        { type: "token", jobId: "", index: 0, text: "?", tMs: 0, ids: [999_999_999], n: 1 },
      ]);
      expect(end).toMatchObject({ type: "failed", code: "invalid_argument" });
    });
  });
}

function priorOutputOf(tokens: readonly TokenEvent[]): PriorOutput {
  return { ids: tokens.flatMap(({ ids }) => ids), events: tokens.length };
}

/** A token event without its times, and with the numbers of its logprobs. */
export interface Comparable extends Pick<TokenEvent, "index" | "text" | "ids"> {
  readonly part: TokenEvent["part"] | undefined;
  readonly logprobs: readonly (readonly number[])[];
}

/** The event without its times. */
export function comparable({ index, text, part, ids, logprobs = [] }: TokenEvent): Comparable {
  const numbers = logprobs.map(({ id, logprob, top }) => [id, logprob, ...top.map((other) => other.logprob)]);
  return { index, text, part, ids, logprobs: numbers };
}

/** The expected event. Its logprobs may differ in their last digits, because a batch of another shape rounds differently. */
export function alike(event: TokenEvent): unknown {
  const { logprobs, ...same } = comparable(event);
  return { ...same, logprobs: logprobs.map((numbers) => numbers.map((value) => expect.closeTo(value, 1) as unknown)) };
}

export function comparableEnd(end: JobEvent): unknown {
  if (end.type !== "finished") return end;
  const { by, stopString, completionTokens, promptTokens, unreadableCalls } = end;
  return { by, stopString, completionTokens, promptTokens, unreadableCalls };
}
