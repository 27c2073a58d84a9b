// Owns how a submission becomes a job that waits: its names and its blank record.
import { randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import type { GenerateRequest } from "@waggle/protocol";
import type { Job, JobExtras } from "./job.ts";
import { createReplayLog } from "./replay-log.ts";

export interface Submission {
  readonly request: GenerateRequest;
  readonly extras?: JobExtras;
  readonly client: string;
  readonly trace: string;
  /** The answer to this request is the stream itself. */
  readonly direct: boolean;
}

/** Sessions of different clients never meet. Ids hold no spaces (protocol), so no two keys are alike by accident. */
export function sessionKeyOf(client: string, sessionId: string | undefined): string | undefined {
  return sessionId === undefined ? undefined : `${client} ${sessionId}`;
}

export function createJob(submission: Submission, uid: string, now: number, replayBufferBytes: number): Job {
  const { request, extras = {}, client, trace, direct } = submission;
  return {
    uid,
    id: request.job_id ?? `job-${randomUUID()}`,
    client,
    trace,
    request,
    extras,
    parts: Array.from({ length: extras.choices ?? 1 }, (_, choice) => ({
      uid: choice === 0 ? uid : `${uid}.${choice}`,
      choice,
      reason: undefined,
      counts: undefined,
    })),
    sessionKey: sessionKeyOf(client, request.session_id),
    direct,
    log: createReplayLog(replayBufferBytes),
    acceptedAt: now,
    ended: deferred<void>(),
    state: { name: "queued" },
    place: "queue",
    ticket: uid,
    ending: undefined,
    successor: undefined,
    predecessor: undefined,
    startedAt: undefined,
    firstTokenAt: undefined,
    endedAt: undefined,
    counts: { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 },
    readers: 0,
    timers: new Map(),
  };
}
