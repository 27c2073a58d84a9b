// Runs an engine on the fake backend for a test, records the engine's events, and shuts it down at the test's end.
import { createHash } from "node:crypto";
import { SamplingSchema, type Sampling } from "@waggle/protocol";
import { onTestFinished } from "vitest";
import type { Backend } from "../port/backend.ts";
import type { TextGenerator } from "../port/generator.ts";
import type { Picture } from "../port/pictures.ts";
import type { BatchEntry } from "../port/steps.ts";
import { createEngine, type Engine, type EngineLimits, type EngineOptions } from "../engine/engine.ts";
import { createFakeBackend, type FakeBackend, type FakeBackendOptions } from "../fake/fake-backend.ts";
import { expectedFakeText } from "../fake/fake-model.ts";
import type { EngineEvent, EngineJob, JobEvent, StepStats } from "../port/messages.ts";
import type { DecideWork, EmbedWork, GenerateWork } from "../port/work.ts";
import { generatorOf } from "../sequence/prepare.ts";
import { createStepGate, type StepGate } from "./step-gate.ts";

export interface EngineHarness {
  readonly engine: Engine;
  readonly backend: FakeBackend;
  readonly gate: StepGate;
  readonly events: readonly EngineEvent[];
  /** The promise of the engine's `run()`. */
  readonly running: Promise<void>;
  /** Returns all events of a job so far. */
  of(jobId: string): JobEvent[];
  textOf(jobId: string): string;
  /** Resolves with the first event that matches; the event may be past. Rejects, like all waits here, when the engine ends before. */
  until<E extends EngineEvent>(matches: (event: EngineEvent) => event is E): Promise<E>;
  /** Resolves with the job's first event of these types; the event may be past. Rejects when the job fails and `failed` is not among them. */
  untilJob<T extends JobEvent["type"]>(jobId: string, ...types: T[]): Promise<Extract<JobEvent, { type: T }>>;
  /** Submits the job, and resolves as `untilJob` does, by default with the event `finished`. */
  run<T extends JobEvent["type"] = "finished">(
    given: EngineJob,
    ...types: T[]
  ): Promise<Extract<JobEvent, { type: T }>>;
}

type OptionsOfEngine = Partial<Pick<EngineOptions, "pinnedThreads" | "maxThreads" | "now" | "stepCosts">>;

export interface EngineHarnessOptions extends Partial<FakeBackendOptions>, OptionsOfEngine {
  readonly limits?: Partial<EngineLimits>;
  /** Passes wait for the test's `gate.step()`. */
  readonly gated?: boolean;
  /** Called with each event during `emit`. */
  readonly onEvent?: (event: EngineEvent, engine: Engine) => void;
  /** Replaces parts of the backend. */
  readonly wrap?: (backend: FakeBackend) => Backend;
}

/** Returns a function for `wrap` that replaces functions of the generator. */
export function withGenerator<B extends Backend>(
  replacements: (generator: TextGenerator, backend: B) => Partial<TextGenerator>,
): (backend: B) => B {
  return (backend) => {
    const generator = generatorOf(backend);
    return { ...backend, generator: { ...generator, ...replacements(generator, backend) } };
  };
}

/** A clock on which everything is quick: the engine decides by measured times, and this machine may stand still at any moment. */
function steady(): () => number {
  let ms = 0;
  return () => (ms += 0.01);
}

/** Starts an engine, by default with two slots of 256 tokens. */
export function startEngine(options: EngineHarnessOptions = {}): EngineHarness {
  const gate = createStepGate();
  if (options.gated !== true) gate.open();
  const fake = createFakeBackend({ slots: 2, contextSize: 256, gate: gate.pass, ...options });
  const events: EngineEvent[] = [];
  const watchers = new Set<() => void>();
  const engine: Engine = createEngine({
    backend: options.wrap?.(fake) ?? fake,
    limits: { prefixStoreBytes: 2 ** 30, maxWaiting: 64, ...options.limits },
    now: options.now ?? steady(),
    random32: () => 99,
    emit(event) {
      events.push(event);
      for (const watcher of watchers) watcher();
      options.onEvent?.(event, engine);
    },
    pinnedThreads: options.pinnedThreads,
    maxThreads: options.maxThreads,
    stepCosts: options.stepCosts,
  });
  const running = engine.run();
  const ended = running.then((): never => {
    const why = events.find(isType("broken"))?.message;
    throw new Error(why === undefined ? "The engine has ended." : `The engine broke: ${why}`);
  });
  // A test that waits for no event may end its engine.
  ended.catch(() => {});
  onTestFinished(async () => {
    engine.handle({ type: "shutdown" });
    gate.open();
    await running;
  });

  function of(jobId: string): JobEvent[] {
    return events
      .flatMap((event) => (event.type === "step" ? event.events : []))
      .filter((event) => event.jobId === jobId);
  }
  function watch<T>(find: () => T | undefined): Promise<T> {
    const found = new Promise<T>((resolve) => {
      const check = (): void => {
        const event = find();
        if (event === undefined) return;
        watchers.delete(check);
        resolve(event);
      };
      watchers.add(check);
      check();
    });
    return Promise.race([found, ended]);
  }
  async function untilJob<T extends JobEvent["type"]>(jobId: string, ...types: T[]) {
    const isWanted = (event: JobEvent): event is Extract<JobEvent, { type: T }> =>
      (types as string[]).includes(event.type);
    const event = await watch(() => of(jobId).find((each) => isWanted(each) || each.type === "failed"));
    if (isWanted(event)) return event;
    throw new Error(`Job ${jobId} failed: ${JSON.stringify(event)}`);
  }
  return {
    engine,
    backend: fake,
    gate: { ...gate, held: () => Promise.race([gate.held(), ended]) },
    events,
    running,
    of,
    textOf: (jobId) =>
      of(jobId)
        .map((event) => (event.type === "token" ? event.text : ""))
        .join(""),
    until: (matches) => watch(() => events.find(matches)),
    untilJob,
    run(given, ...types) {
      submit(engine, given);
      return untilJob(given.jobId, ...(types.length === 0 ? ["finished" as (typeof types)[number]] : types));
    },
  };
}

/** Greedy unless the test sets other values. */
export function sampling(given: Partial<Sampling> = {}): Sampling {
  return SamplingSchema.parse({ temperature: 0, ...given });
}

/** Fields of a job in which a test differs from `job`. */
export type GivenJob = Partial<GenerateWork & Pick<EngineJob, "cacheScope" | "sessionId" | "priority" | "prior">>;

export function job(jobId: string, text: string, given: GivenJob = {}): EngineJob<GenerateWork> {
  const { cacheScope = "alice", sessionId, priority = 0, prior, ...work } = given;
  return {
    jobId,
    cacheScope,
    sessionId,
    priority,
    prior,
    work: {
      kind: "generate",
      prompt: { kind: "text", text },
      choices: 1,
      stop: [],
      sampling: sampling(),
      maxTokens: 8,
      ...work,
    },
  };
}

/** A picture of the fake backend: any bytes. */
export function fakePicture(content: string): Picture {
  const bytes = new TextEncoder().encode(content);
  return { bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

/** Prepares the job, and starts it at once. */
export function submit(engine: Engine, given: EngineJob): void {
  const { jobId } = given;
  engine.handle({ type: "prepare", job: given });
  engine.handle({ type: "start", prepared: jobId, choices: [{ jobId, choice: 0 }] });
}

export function embedJob(jobId: string, ...texts: string[]): EngineJob<EmbedWork> {
  return { jobId, work: { kind: "embed", texts }, cacheScope: "alice", priority: 0 };
}

/** @param questions for each reading its text and the texts of its options */
export function decideJob(
  jobId: string,
  state: string,
  questions: Readonly<Record<string, readonly (readonly string[])[]>>,
  given: Partial<EngineJob> & { readonly ends?: boolean } = {},
): EngineJob<DecideWork> {
  const { ends = false, ...more } = given;
  const readings = Object.entries(questions).map(([text, options]) => {
    return { content: [{ type: "text" as const, text }], options, ends };
  });
  const work = { kind: "decide", state: { messages: [{ role: "user", content: state }] }, readings } as const;
  return { cacheScope: "alice", priority: 0, ...more, jobId, work };
}

export function expectedText(prompt: string, tokens: number, given: Partial<Sampling> = {}): string {
  return expectedFakeText({ kind: "text", text: prompt }, sampling(given), tokens);
}

export type StepEvent = Extract<EngineEvent, { type: "step" }>;

export function isType<T extends EngineEvent["type"]>(
  type: T,
): (event: EngineEvent) => event is Extract<EngineEvent, { type: T }> {
  return (event): event is Extract<EngineEvent, { type: T }> => event.type === type;
}

/** Number of tokens that these entries feed, drafts included. */
export function countTokens(entries: readonly BatchEntry[]): number {
  return entries.reduce((sum, { tokens, drafts = [] }) => sum + tokens.length + drafts.length, 0);
}

export function statsOf(events: readonly EngineEvent[]): StepStats[] {
  return events.flatMap((event) => (event.type === "step" && event.stats !== undefined ? [event.stats] : []));
}
