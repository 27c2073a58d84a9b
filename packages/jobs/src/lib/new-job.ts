// Owns how a spec becomes a job that waits: its names and its blank record.
import { randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import type { Job } from "./job.ts";
import type { GenerateSpec, JobScope } from "./job-spec.ts";
import { createReplayLog } from "./replay-log.ts";

/** Sessions of different clients never meet. Ids hold no spaces (protocol), so no two keys are alike by accident. */
export function sessionKeyOf({ client, sessionId }: Pick<JobScope, "client" | "sessionId">): string | undefined {
  return sessionId === undefined ? undefined : `${client} ${sessionId}`;
}

export function createJob(spec: GenerateSpec, uid: string, now: number, replayBufferBytes: number): Job {
  return {
    uid,
    id: spec.id ?? `job-${randomUUID()}`,
    spec,
    parts: Array.from({ length: spec.choices }, (_, choice) => ({
      uid: choice === 0 ? uid : `${uid}.${choice}`,
      choice,
      reason: undefined,
      counts: undefined,
    })),
    sessionKey: sessionKeyOf(spec.scope),
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
