// Owns how a spec becomes a job that waits: its names, its seed and its blank state.
import { randomBytes, randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import { emptyMessage } from "./answer-message.ts";
import type { Job, Phase, SaidSoFar } from "./job.ts";
import type { JobFollower } from "./job-follower.ts";
import type { JobScope, JobSpec } from "./job-spec.ts";
import type { PromptSize } from "./preflight.ts";
import { createReplayLog } from "./replay-log.ts";
import { createTextDigests } from "./text-digests.ts";

/** Sessions of different clients never meet. Ids hold no spaces (protocol), so no two keys are alike by accident. */
export function sessionKeyOf({ client, sessionId }: Pick<JobScope, "client" | "sessionId">): string | undefined {
  return sessionId === undefined ? undefined : `${client} ${sessionId}`;
}

/** What a request leaves to the worker. */
export interface JobDefaults {
  /** undefined: to the context's end */
  readonly defaultMaxTokens: number | undefined;
  /** Times over that the same tokens end an answer; undefined: never. */
  readonly defaultRepetitionLimit: number | undefined;
}

/** The spec with a seed of its own where it leaves that to us: whoever is told it can have the same answer again. */
export function withDefaults(spec: JobSpec, defaults: JobDefaults): JobSpec {
  if (spec.kind !== "generate") return spec;
  const { sampling, maxTokens = defaults.defaultMaxTokens } = spec;
  const { repetitionLimit = defaults.defaultRepetitionLimit } = spec;
  const seed = sampling.seed === -1 ? randomBytes(4).readUInt32LE() : sampling.seed;
  return { ...spec, maxTokens, repetitionLimit, sampling: { ...sampling, seed } };
}

/** For a job that its client has not named. */
export function drawnId(): string {
  return `job-${randomUUID()}`;
}

export function choicesOf(spec: JobSpec): number {
  return spec.kind === "generate" ? spec.choices : 1;
}

export interface NewJobOptions {
  readonly uid: string;
  readonly now: number;
  readonly replayBufferBytes: number;
  /** As the engine put it, where it did in time. */
  readonly size?: PromptSize | undefined;
  readonly follower?: JobFollower | undefined;
  /** Where it is reserved or of a job that was accepted elsewhere; drawn otherwise. */
  readonly callKey?: string | undefined;
  /** It was accepted elsewhere. */
  readonly adopted?: boolean;
  readonly phase: Extract<Phase, { name: "queued" | "blocked" }>["name"];
}

export function createJob(spec: JobSpec, options: NewJobOptions): Job {
  const { uid, now, replayBufferBytes, phase, size, follower, adopted = false } = options;
  const said = Array.from({ length: choicesOf(spec) }, () => saidBefore(spec));
  return {
    uid,
    id: spec.id ?? drawnId(),
    spec,
    sessionKey: sessionKeyOf(spec.scope),
    log: createReplayLog(replayBufferBytes, adopted ? "any" : said[0]?.events),
    adopted,
    beginsLate: false,
    digests: createTextDigests(),
    vectors: computedBefore(spec),
    promptLogprobs: [],
    said,
    follower,
    acceptedAt: now,
    uncachedTokens: size === undefined || spec.kind === "embed" ? undefined : size.promptTokens - size.cachedTokens,
    callKey: options.callKey ?? randomBytes(8).toString("hex"),
    ended: deferred<void>(),
    timers: new Map(),
    readers: 0,
    state: {
      phase: { name: phase },
      sequences: Array.from({ length: choicesOf(spec) }, (_, choice) => ({
        uid: choice === 0 ? uid : `${uid}.${choice}`,
        choice,
        held: false,
        slot: undefined,
        stoppedBy: undefined,
        stopString: undefined,
        message: spec.kind === "generate" && spec.prompt.kind === "messages" ? emptyMessage : undefined,
        counts: undefined,
        startedMs: 0,
        lastTokenMs: undefined,
      })),
      counts: { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 },
      differsAt: undefined,
      startedAt: undefined,
      firstTokenAt: undefined,
      endedAt: undefined,
      hasSpoken: false,
      enginesLost: spec.enginesLost ?? 0,
      resumptions: 0,
    },
  };
}

function saidBefore(spec: JobSpec): SaidSoFar {
  const said = spec.kind === "generate" ? spec.said : undefined;
  return { ids: [...(said?.ids ?? [])], events: said?.events ?? 0 };
}

/** The positions of the texts only; the vectors are kept elsewhere. */
function computedBefore(spec: JobSpec): (readonly number[])[] {
  return spec.kind === "generate" ? [] : Array.from({ length: spec.computed ?? 0 }, () => []);
}
