// Makes a waiting job from a spec: draws ids and a seed where the spec has no value, and sets the initial state.
import { randomBytes, randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import { choicesOf, noTotals } from "@waggle/engine";
import { emptyMessage } from "./answer-message.ts";
import { sequenceUidOf, type Job, type JobState, type Phase, type Step, type TakenOver } from "./job.ts";
import type { JobListener } from "./observers.ts";
import type { JobOwner, JobSpec } from "./job-spec.ts";
import type { GenerateWork, PriorWork, Work } from "@waggle/engine";
import { newOutput, type OutputSoFar } from "./output-so-far.ts";
import { createTextDigests } from "./text-digests.ts";
import { createReplayLog } from "./replay-log.ts";

/** Returns the key of a client's session. The protocol allows no spaces in ids, so two sessions never have the same key. */
export function sessionKeyOf({ client, sessionId }: Pick<JobOwner, "client" | "sessionId">): string | undefined {
  return sessionId === undefined ? undefined : `${client} ${sessionId}`;
}

/** Values for fields that a request leaves out. */
export interface JobDefaults {
  /** If undefined, an answer may fill the context. */
  readonly defaultMaxTokens: number | undefined;
  /** An answer ends after this many repetitions of the same tokens; if undefined, there is no limit. */
  readonly defaultRepetitionLimit: number | undefined;
}

/** Adds defaults and a random seed to the spec. The `started` event has the seed, so that a client can repeat the answer. */
export function withDefaults(spec: JobSpec, defaults: JobDefaults): JobSpec {
  const { work } = spec;
  if (work.kind !== "generate") return spec;
  const { sampling, maxTokens = defaults.defaultMaxTokens } = work;
  const { repetitionLimit = defaults.defaultRepetitionLimit } = work;
  const seed = sampling.seed === -1 ? randomBytes(4).readUInt32LE() : sampling.seed;
  return { ...spec, work: { ...work, maxTokens, repetitionLimit, sampling: { ...sampling, seed } } };
}

export function drawnId(): string {
  return `job-${randomUUID()}`;
}

export interface PromptSize {
  readonly promptTokens: number;
  /** Number of prompt tokens that were in a KV cache at the preflight. */
  readonly cachedTokens: number;
}

export interface NewJobOptions {
  readonly uid: string;
  readonly now: number;
  readonly replayBufferBytes: number;
  /** The prompt's size from the preflight; undefined without an answer in time. */
  readonly size?: PromptSize | undefined;
  /** Number of engines that died while they prepared the job; 0 by default. */
  readonly enginesLost?: number | undefined;
  readonly listener?: JobListener | undefined;
  /** The call key of the reservation, or of the job at the other gateway; by default a random key is drawn. */
  readonly callKey?: string | undefined;
  readonly takenOver?: TakenOver | undefined;
  readonly phase: Extract<Phase, { name: "queued" | "blocked" }>["name"];
}

export function createJob(spec: JobSpec, options: NewJobOptions): Job {
  const { uid, now, replayBufferBytes, phase, size, listener, takenOver } = options;
  const { who, work, prior } = spec;
  const output = outputsOf(work, prior);
  return {
    uid,
    id: spec.id ?? drawnId(),
    spec,
    sessionKey: sessionKeyOf(who),
    log: createReplayLog(replayBufferBytes, takenOver !== undefined ? "any" : output[0]?.events),
    takenOver,
    beginsLate: false,
    digests: createTextDigests(),
    receipts: [],
    computedBy: undefined,
    // This worker needs only the number of the texts or readings that another worker has computed.
    vectors: Array.from({ length: prior?.computed ?? 0 }, () => []),
    promptLogprobs: [],
    output,
    listener,
    acceptedAt: now,
    uncachedTokens: size === undefined ? undefined : size.promptTokens - size.cachedTokens,
    callKey: options.callKey ?? randomBytes(8).toString("hex"),
    ended: deferred<void>(),
    timers: new Map(),
    readers: 0,
    state: {
      phase: { name: phase },
      before: { counts: noTotals, decoded: 0, phases: [] },
      endedAt: undefined,
      ...newStep(uid, work, { index: 0, since: now, calledAt: undefined, firstToken: 0, firstCall: 0 }),
      enginesLost: (prior?.enginesLost ?? 0) + (options.enginesLost ?? 0),
    },
  };
}

/** Returns the state of a step that waits. */
export function newStep(uid: string, work: Work, step: Step): Omit<JobState, "phase" | "before" | "endedAt"> {
  return {
    step,
    sequences: Array.from({ length: choicesOf(work) }, (_, choice) => ({
      uid: sequenceUidOf(uid, choice),
      choice,
      held: false,
      yields: false,
      slot: undefined,
      stoppedBy: undefined,
      stopString: undefined,
      message: work.kind === "generate" && work.prompt.kind === "messages" ? emptyMessage : undefined,
      counts: undefined,
      startedMs: 0,
      lastTokenMs: undefined,
    })),
    counts: noTotals,
    differsAt: undefined,
    startedAt: undefined,
    firstTokenAt: undefined,
    hasNewOutput: false,
    enginesLost: 0,
    resumptions: 0,
  };
}

/** Gives the job the work of its next step. */
export function beginStep(job: Job, work: GenerateWork): void {
  job.spec = { ...job.spec, work };
  job.uncachedTokens = undefined;
  job.digests = createTextDigests();
  job.promptLogprobs = [];
  job.output = outputsOf(work);
}

function outputsOf(work: Work, prior?: PriorWork): readonly OutputSoFar[] {
  return Array.from({ length: choicesOf(work) }, () => newOutput(prior?.output));
}
