// Runs jobs on a model's engine: has their work prepared, starts their sequences, and has work prepared again that the engine has lost.
import { deferred } from "@waggle/async";
import type { Clock, Deferred } from "@waggle/async";
import type { EngineCommand, EngineJob, JobMessage, PriorWork } from "@waggle/engine";
import { engineJobOf, isRelease, jobUidOf, preflightTimeoutMs, priorWorkOf } from "@waggle/jobs";
import type { Executor, ExecutorOwner, Job, Preflight, SequenceState } from "@waggle/jobs";
import { failureError } from "@waggle/protocol";
import type { WaggleError } from "@waggle/protocol";

export interface EngineExecutor extends Executor {
  take(message: JobMessage): void;
  /** The engine is ready. */
  wake(): void;
  /** The engine can no longer answer: all preflights end. */
  abandon(): void;
  /** The engine is gone, with everything that it had. */
  lose(error: WaggleError): void;
  /** Whether the engine prepares work, or looks for the answer to a query. */
  readonly preparing: boolean;
}

export interface EngineExecutorOptions {
  readonly clock: Clock;
  readonly ready: () => boolean;
  readonly slots: () => number;
  /** Undefined until the model is loaded. */
  readonly contextSize: () => number | undefined;
  /** Never throws: if a command cannot be sent, an event reports the failure. */
  readonly send: (command: EngineCommand) => void;
}

export function createEngineExecutor(options: EngineExecutorOptions): EngineExecutor {
  const { clock, ready, slots, send } = options;
  let owner: ExecutorOwner | undefined;
  const preflights = new Map<string, Deferred<Preflight>>();
  /** The ids of work that the engine got and has not started. The engine may still refuse this work, or have no room for it. */
  const sent = new Set<string>();
  /** The ids of work that the engine has not answered, also of work that has started. */
  const unanswered = new Set<string>();
  /** The ids of queries that the engine has not answered. */
  const queries = new Set<string>();
  /** The sequences that the engine has, with their jobs and the ids of the work from which they start. */
  const running = new Map<string, { readonly job: Job; readonly prepared: string; readonly choice: number }>();

  function prepare(job: EngineJob): void {
    sent.add(job.jobId);
    unanswered.add(job.jobId);
    send({ type: "prepare", job });
  }

  function prepareAgain(prepared: string): void {
    const sequences = [...running].filter(([, one]) => one.prepared === prepared);
    const [first] = sequences;
    if (first === undefined) return;
    const { job, choice } = first[1];
    if (job.state.phase.name === "running") {
      return send({ type: "prepare", job: engineJobOf(prepared, job.spec, priorWorkOf(job, choice)) });
    }
    // The job has ended or is ending, so the engine must not wait for its work.
    for (const [uid] of sequences) send({ type: "cancel", jobId: uid });
  }

  function abandon(): void {
    sent.clear();
    unanswered.clear();
    for (const preflight of preflights.values()) preflight.resolve("lost");
  }

  return {
    open(by) {
      owner = by;
    },
    get ready() {
      return ready();
    },
    full: false,
    get slots() {
      return slots();
    },
    async preflight(uid, work) {
      const answered = deferred<Preflight>();
      preflights.set(uid, answered);
      const limitMs = preflightTimeoutMs(work.work, options.contextSize());
      const timer = clock.setTimeout(() => answered.resolve("late"), limitMs);
      prepare(engineJobOf(uid, work));
      try {
        return await answered.promise;
      } finally {
        timer.cancel();
        preflights.delete(uid);
      }
    },
    start(job, sequences) {
      for (const { prepared, sequences: group, prior } of groupsOf(job, sequences)) {
        for (const { uid, choice } of group) running.set(uid, { job, prepared, choice });
        if (!sent.has(prepared)) prepare(engineJobOf(prepared, job.spec, prior));
        sent.delete(prepared);
        send({ type: "start", prepared, choices: group.map(({ uid, choice }) => ({ jobId: uid, choice })) });
      }
    },
    cancel(uid, yields) {
      if (running.has(uid)) return send({ type: "cancel", jobId: uid, yields });
      unanswered.delete(uid);
      if (sent.delete(uid)) send({ type: "drop", prepared: uid });
    },
    query(id, question, client) {
      queries.add(id);
      send({ type: "query", id, question, client });
    },
    dropQuery: (id) => send({ type: "drop", prepared: id }),
    take(message) {
      switch (message.type) {
        case "prepared": {
          const { jobId, promptTokens, cachedTokens } = message;
          unanswered.delete(jobId);
          preflights.get(jobId)?.resolve({ promptTokens, cachedTokens });
          return owner?.onChecked(jobId);
        }
        case "prepare_failed": {
          const { jobId, failure } = message;
          unanswered.delete(jobId);
          sent.delete(jobId);
          const preflight = preflights.get(jobId);
          if (preflight === undefined) owner?.onRefused(jobId, failureError(failure));
          else preflight.reject(failureError(failure));
          return;
        }
        case "unprepared":
          return prepareAgain(message.jobId);
        case "query_result":
          queries.delete(message.id);
          return owner?.onAnswer(message.id, message.answer);
        case "step":
          for (const { jobId } of message.events.filter(isRelease)) {
            running.delete(jobId);
            for (const prepared of [jobId, jobUidOf(jobId)]) unanswered.delete(prepared);
          }
          return owner?.onEvents(message.events);
      }
    },
    wake: () => owner?.onRoom(),
    abandon,
    lose(error) {
      const checking = new Set(unanswered);
      abandon();
      queries.clear();
      running.clear();
      owner?.onLost(error, checking);
    },
    get preparing() {
      return unanswered.size > 0 || queries.size > 0 || [...running.values()].some(({ job }) => tokenizes(job));
    },
  };
}

/** Whether the engine tokenizes the texts of an embed or rerank job, which it does after it has answered. */
function tokenizes({ spec, state: { phase } }: Job): boolean {
  const { kind } = spec.work;
  return (
    (kind === "embed" || kind === "rerank") && phase.name !== "ended" && "stage" in phase && phase.stage === "queued"
  );
}

/** Sequences that start from the same prepared work. `prepared` is its id: the uid of the first sequence. */
interface Group {
  readonly prepared: string;
  readonly sequences: readonly SequenceState[];
  readonly prior: PriorWork;
}

/** Choices that start together share their work. Each choice with output so far has different work. */
function groupsOf(job: Job, sequences: readonly SequenceState[]): readonly Group[] {
  const groups: Group[] = [];
  const fresh: SequenceState[] = [];
  for (const one of sequences) {
    const prior = priorWorkOf(job, one.choice);
    if (prior.output !== undefined) groups.push({ prepared: one.uid, sequences: [one], prior });
    else if (fresh.push(one) === 1) groups.push({ prepared: one.uid, sequences: fresh, prior });
  }
  return groups;
}
