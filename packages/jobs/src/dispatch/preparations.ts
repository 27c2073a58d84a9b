// Has the engine prepare the work of jobs, and starts it: which work the engine has, and which has to be prepared again. The answer before a job's
// acceptance is the preflight: does the prompt fit, and does the grammar compile?
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineJob, PriorWork } from "@waggle/engine";
import { errorOf } from "@waggle/protocol";
import type { Job, SequenceState } from "../job/job.ts";
import { localClient, type JobSpec } from "../job/job-spec.ts";
import { priorWorkOf } from "../stream/output-so-far.ts";

/** Longest time that a preflight delays the acceptance of a job, at a worker and at a gateway. */
export const preflightTimeoutMs = 80;

export interface PromptSize {
  readonly promptTokens: number;
  /** Number of prompt tokens that were in a KV cache at the preflight. */
  readonly cachedTokens: number;
}

type Answer = Extract<EngineEvent, { type: "prepared" | "prepare_failed" }>;

export interface Preparations {
  /**
   * Has the work prepared. Resolves with the prompt's size, with undefined if the engine does not answer in time, or with "lost" if it dies: an
   * engine that lives continues, and an error ends the job later.
   * @throws WaggleError as from the engine
   */
  ask(job: EngineJob): Promise<PromptSize | "lost" | undefined>;
  /** Returns whether an acceptance waited for this answer. */
  answer(event: Answer): boolean;
  /** Starts the job's sequences that the engine holds, and first prepares the work that the engine does not have. */
  start(job: Job): void;
  /** Prepares the work of started sequences again, because the engine did not have it. */
  repeat(job: Job, prepared: string): void;
  /** Called when a job ends: the engine forgets its work if the work has not started. */
  drop(prepared: string): void;
  /** Called when the engine can no longer answer: resolves all waits. Returns the ids of the work that it was preparing. */
  abandon(): ReadonlySet<string>;
  /** Whether the engine prepares work. */
  readonly busy: boolean;
}

export interface PreparationsOptions {
  readonly send: (command: EngineCommand) => void;
  readonly clock: Clock;
}

export function createPreparations({ send, clock }: PreparationsOptions): Preparations {
  const waiting = new Map<string, Deferred<PromptSize | "lost" | undefined>>();
  /** The ids of work that the engine got and has not started. The engine may still refuse this work, or have no room for it. */
  const sent = new Set<string>();
  /** The ids of work that the engine has not answered, also of work that has started. */
  const unanswered = new Set<string>();

  function prepare(job: EngineJob): void {
    sent.add(job.jobId);
    unanswered.add(job.jobId);
    send({ type: "prepare", job });
  }

  return {
    async ask(job) {
      const answered = deferred<PromptSize | "lost" | undefined>();
      waiting.set(job.jobId, answered);
      const timer = clock.setTimeout(() => answered.resolve(undefined), preflightTimeoutMs);
      prepare(job);
      try {
        return await answered.promise;
      } finally {
        timer.cancel();
        waiting.delete(job.jobId);
      }
    },
    answer(event) {
      unanswered.delete(event.jobId);
      if (event.type === "prepare_failed") sent.delete(event.jobId);
      const answered = waiting.get(event.jobId);
      if (event.type === "prepare_failed") answered?.reject(errorOf(event.failure));
      else answered?.resolve({ promptTokens: event.promptTokens, cachedTokens: event.cachedTokens });
      return answered !== undefined;
    },
    start(job) {
      for (const { prepared, sequences, prior } of groupsOf(job)) {
        if (!sent.has(prepared)) prepare(engineJobOf(prepared, job.spec, prior));
        sent.delete(prepared);
        send({ type: "start", prepared, choices: sequences.map(({ uid, choice }) => ({ jobId: uid, choice })) });
      }
    },
    repeat(job, prepared) {
      const group = groupsOf(job).find((each) => each.prepared === prepared);
      if (group !== undefined) send({ type: "prepare", job: engineJobOf(prepared, job.spec, group.prior) });
    },
    drop(prepared) {
      unanswered.delete(prepared);
      if (sent.delete(prepared)) send({ type: "drop", prepared });
    },
    abandon() {
      const lost = new Set(unanswered);
      sent.clear();
      unanswered.clear();
      for (const answered of waiting.values()) answered.resolve("lost");
      return lost;
    },
    get busy() {
      return unanswered.size > 0;
    },
  };
}

/** @param jobId the id under which the engine prepares the work */
export function engineJobOf(
  jobId: string,
  { who, when, work, prior }: JobSpec,
  before: PriorWork | undefined = prior,
): EngineJob {
  const { client, cacheSession, sessionId = cacheSession } = who;
  // Clients share no cached prefixes: the time to the first token would show whether another client sent the same prompt.
  const guessScope = guessScopeOf(client, sessionId);
  return { jobId, work, cacheScope: client, sessionId, guessScope, priority: when.priority, prior: before };
}

/**
 * Guesses show in a stream's times what earlier answers contain, so clients share none. In local mode only a session names one client. The session's
 * scope can be no token's name, which has no line break.
 */
function guessScopeOf(client: string, sessionId: string | undefined): string | undefined {
  if (client !== localClient) return client;
  return sessionId === undefined ? undefined : `${client}\n${sessionId}`;
}

/** Sequences that start from the same prepared work. */
interface Group {
  /** The id of the prepared work: the uid of the job or of the only sequence. */
  readonly prepared: string;
  readonly sequences: readonly SequenceState[];
  readonly prior: PriorWork;
}

/** All choices of a new job share their work. Each choice of a resumed job has different output so far, and so different work. */
function groupsOf(job: Job): readonly Group[] {
  const sequences = job.state.sequences.filter(({ held }) => held);
  const groups = sequences.map((one) => {
    return { prepared: one.uid, sequences: [one], prior: priorWorkOf(job, one.choice) };
  });
  if (groups.some(({ prior }) => prior.output !== undefined)) return groups;
  return [{ prepared: job.uid, sequences, prior: { computed: job.vectors.length } }];
}
