// Compares the forecast with random jobs on a fake engine: the ratio of promise and wait, and refusals of jobs that would have been in time.
import { SamplingSchema, type StepCosts } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createForecast } from "./forecast.ts";
import type { Job, SequenceState } from "../job/job.ts";
import { createJob } from "../job/new-job.ts";

const slots = 4;
const promptMs = 0.5;
const tokenMs = 20;
const costs: StepCosts = {
  threads: [
    {
      ...{ threads: 4, decode: [1, slots].map((rows) => ({ rows, ms: tokenMs })) },
      prompt: [32, 1_024].map((tokens) => ({ tokens, ms: tokens * promptMs })),
    },
  ],
  context: { row_ms: 0, tile_ms: 0 },
};

interface Asked {
  readonly prompt: number;
  readonly cached?: number;
  readonly asked: number;
  readonly writes: number;
  readonly choices?: number;
  readonly embed?: boolean;
}

type Random = (least: number, most: number) => number;
/** The jobs of a mix: `i` of them came before. */
type Mix = (i: number, random: Random) => Asked;

const mixes: Readonly<Record<string, Mix>> = {
  "equal jobs": () => ({ prompt: 200, asked: 100, writes: 100 }),
  "long after short": (i) => ({ prompt: 200, asked: i < 40 ? 100 : 240, writes: i < 40 ? 100 : 240 }),
  "short after long": (i) => ({ prompt: 200, asked: i < 40 ? 240 : 60, writes: i < 40 ? 240 : 60 }),
  "long prompts": (_, random) => ({ prompt: random(100, 8_000), asked: 50, writes: 50 }),
  "max_tokens huge, answers short": (_, random) => ({ prompt: 200, asked: 4_096, writes: random(10, 60) }),
  "answers from 10 to 400": (_, random) => ({ prompt: 200, asked: 400, writes: random(10, 400) }),
  "each asks for another length": (_, random) => {
    const asked = random(10, 400);
    return { prompt: 200, asked, writes: asked };
  },
  "cached prefixes": (i, random) => ({ prompt: 4_000, cached: (i % 2) * 3_900, asked: 100, writes: random(50, 100) }),
  "n of 1 to 3": (_, random) => ({ prompt: 200, asked: 100, writes: 100, choices: random(1, 3) }),
  "embeddings between": (i) => ({ prompt: 200, asked: 100, writes: 100, embed: i % 3 === 0 }),
};

function randomOf(seed: number): Random {
  let state = seed;
  return (least, most) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return least + Math.floor((state / 2_147_483_648) * (most - least + 1));
  };
}

function jobOf(i: number, { prompt, cached = 0, asked, choices = 1, embed = false }: Asked, now: number): Job {
  const sampling = SamplingSchema.parse({ seed: 7 });
  const work = embed
    ? ({ kind: "embed", texts: ["a"] } as const)
    : ({
        kind: "generate",
        prompt: { kind: "text", text: "x" },
        choices,
        sampling,
        stop: [],
        maxTokens: asked,
      } as const);
  const when = { priority: 0, onDisconnect: "cancel", direct: false } as const;
  const size = embed ? undefined : { promptTokens: prompt, cachedTokens: cached };
  const spec = { model: "m", who: { client: "a", trace: "t" }, when, work };
  return createJob(spec, { uid: `j${i}`, now, replayBufferBytes: 1_024, phase: "queued", size });
}

interface Outcome {
  /** Promise by wait, of jobs that waited. */
  readonly ratios: readonly number[];
  /** Jobs that the forecast refuses with a deadline just after their first token. */
  readonly wrongRefusals: number;
  readonly judged: number;
}

function simulate(mix: Mix, seed: number): Outcome {
  const random = randomOf(seed);
  let now = 0;
  const queue: { job: Job; asked: Asked; promised: number | undefined; refusedBelow: number; at: number }[] = [];
  const running = new Map<Job, { asked: Asked; first: number; ends: Map<number, number> }>();
  const forecast = createForecast({
    now: () => now,
    ready: () => true,
    slots: () => slots,
    waiting: () => queue.map(({ job }) => job),
    depth: () => queue.length,
    shares: true,
  });
  forecast.measured(costs);
  const ratios: number[] = [];
  let [wrongRefusals, judged] = [0, 0];
  const change = (job: Job, choice: number, to: Partial<SequenceState>): void => {
    const sequences = job.state.sequences.map((one) => (one.choice === choice ? { ...one, ...to } : one));
    job.state = { ...job.state, sequences };
  };
  const used = (): number => [...running.values()].reduce((sum, { ends }) => sum + ends.size, 0);
  /** Starts sequences in free slots. */
  const start = (): void => {
    for (let next = queue[0]; next !== undefined && used() < slots; next = queue[0]) {
      const { asked, promised, refusedBelow, at, job } = next;
      const [choice = 0, ...more] = job.state.sequences.flatMap((one) =>
        one.held || one.stoppedBy !== undefined ? [] : [one.choice],
      );
      if (more.length === 0) queue.shift();
      const first = now + (asked.prompt - (asked.cached ?? 0)) * promptMs;
      const begun = running.get(job) ?? { asked, first, ends: new Map<number, number>() };
      if (choice === 0) forecast.taken(job);
      running.set(job, begun);
      begun.ends.set(choice, asked.embed === true ? first : first + (asked.writes - 1) * tokenMs);
      change(job, choice, { held: true });
      if (asked.embed === true || choice > 0) continue;
      const wait = first - at;
      if (promised !== undefined) ratios.push(promised / wait);
      judged += 1;
      if (refusedBelow > wait * 1.01 + 60) wrongRefusals += 1;
    }
  };
  /** Lets the jobs run until this time. */
  const runTo = (time: number): void => {
    for (;;) {
      const next = [...running]
        .flatMap(([job, { first, ends }]) => [
          ...[...ends].map(([choice, at]) => ({ job, at, choice, what: "end" })),
          ...(job.state.firstTokenAt === undefined ? [{ job, at: first, choice: 0, what: "first" }] : []),
        ])
        .toSorted((a, b) => a.at - b.at || a.what.localeCompare(b.what) * -1)[0];
      if (next === undefined || next.at > time) break;
      now = Math.max(now, next.at);
      const { job, choice } = next;
      const { asked, ends } = running.get(job) as { asked: Asked; ends: Map<number, number> };
      if (next.what === "first" && asked.embed !== true) {
        const counts = {
          ...job.state.counts,
          promptTokens: asked.prompt,
          cachedTokens: asked.cached ?? 0,
          prefillMs: (asked.prompt - (asked.cached ?? 0)) * promptMs,
        };
        job.state = { ...job.state, firstTokenAt: now, counts };
        forecast.prefilled(job);
        continue;
      }
      if (next.what === "first") {
        job.state = { ...job.state, firstTokenAt: now };
        continue;
      }
      ends.delete(choice);
      const by = asked.writes >= asked.asked ? "max_tokens" : "end";
      const counts = { ...job.state.counts, completionTokens: asked.writes * (asked.choices ?? 1) };
      change(job, choice, { held: false, stoppedBy: by });
      if (job.state.sequences.every(({ stoppedBy }) => stoppedBy !== undefined)) {
        running.delete(job);
        job.state = { ...job.state, counts, phase: { name: "ended", outcome: { type: "finished", by } } };
        forecast.freed(job);
      }
      start();
    }
    now = Math.max(now, time);
    for (const [job, { asked, first }] of running) {
      const tokens =
        asked.embed === true ? 0 : Math.max(0, 1 + Math.floor((now - first) / tokenMs)) * (asked.choices ?? 1);
      Object.defineProperty(job.log, "nextToken", { value: tokens, configurable: true });
    }
  };
  for (let i = 0; i < 80; i += 1) {
    runTo(now + random(0, 400));
    const asked = mix(i, random);
    const job = jobOf(i, asked, now);
    const position = used() < slots && queue.length === 0 ? 0 : queue.length + 1;
    // The largest deadline that is refused.
    let [refusedBelow, met] = [0, 200_000];
    for (let step = 0; step < 12; step += 1) {
      const deadlineMs = (refusedBelow + met) / 2;
      const one = { ...job, spec: { ...job.spec, when: { ...job.spec.when, deadlineMs, refusedIfLate: true } } };
      try {
        forecast.refuseLate(one, () => position);
        met = deadlineMs;
      } catch {
        refusedBelow = deadlineMs;
      }
    }
    queue.push({ job, asked, promised: forecast.firstTokenMs(job, position), refusedBelow, at: now });
    start();
  }
  runTo(Infinity);
  return { ratios, wrongRefusals, judged };
}

/** The least and the greatest tenth of promise by wait, and the share of wrong refusals, that each mix may have. */
const bounds: Readonly<Record<keyof typeof mixes, readonly [number, number, number]>> = {
  "equal jobs": [0.95, 1.05, 0],
  "long after short": [0.95, 1.05, 0],
  "short after long": [0.95, 1.05, 0],
  "long prompts": [0.95, 1.05, 0],
  // What cannot be known: each answer's length. The first promises know no answer at all.
  "max_tokens huge, answers short": [0.7, 2.3, 0.01],
  "answers from 10 to 400": [0.4, 1.5, 0.03],
  "each asks for another length": [0.8, 1.1, 0],
  "cached prefixes": [0.9, 1.15, 0.05],
  "n of 1 to 3": [0.85, 1.1, 0],
  "embeddings between": [0.9, 1.1, 0],
};

test.each(Object.entries(mixes))("%s", (name, mix) => {
  const outcomes = [1, 2, 3].map((seed) => simulate(mix, seed));
  const ratios = outcomes.flatMap((one) => one.ratios).toSorted((a, b) => a - b);
  const [least = 0, most = 0, refused = 0] = bounds[name] ?? [];
  const quantile = (share: number): number => ratios[Math.floor(ratios.length * share)] ?? Number.NaN;
  expect(quantile(0.1)).toBeGreaterThan(least);
  expect(quantile(0.9)).toBeLessThan(most);
  const total = (key: "wrongRefusals" | "judged"): number => outcomes.reduce((sum, one) => sum + one[key], 0);
  expect(total("wrongRefusals") / total("judged")).toBeLessThanOrEqual(refused);
});
