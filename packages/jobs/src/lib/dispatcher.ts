// Owns the way of a job from acceptance to its one terminal event. It tells the reducer what has happened, and performs
// what that answers: nobody else changes a job. It never awaits a client, and nothing in it waits under a lock: each
// function runs to its end in one turn, but for what is asked before acceptance.
import type { EngineEvent, JobEvent as EngineJobEvent } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import { createAcceptance, type Acceptable } from "./acceptance.ts";
import { dropContent, forgetComputed, keepComputed } from "./computed.ts";
import type { DispatcherOptions } from "./dispatcher-options.ts";
import type { Dispatcher } from "./dispatcher-port.ts";
import { jobEventOf } from "./engine-events.ts";
import { restOf } from "./engine-job.ts";
import { createExpectations } from "./expectations.ts";
import { createFreeSlots } from "./free-slots.ts";
import { createIdleness } from "./idleness.ts";
import { failureOf, hasEnded, isWaiting, type Job, type Outcome } from "./job.ts";
import type { JobSpec } from "./job-spec.ts";
import { createJob, sessionKeyOf } from "./new-job.ts";
import { measure } from "./measure.ts";
import { createPositions } from "./positions.ts";
import { createPreflight } from "./preflight.ts";
import { createQueries } from "./queries.ts";
import { createReaders } from "./readers.ts";
import { record } from "./receipt.ts";
import { reduce, type Effect, type JobEvent } from "./reduce.ts";
import { noteSaid } from "./said.ts";
import { startSpecTimers } from "./spec-timers.ts";
import { lossesAfter } from "./suspicion.ts";
import { createJobTimers } from "./timers.ts";
import { createWaitingJobs } from "./waiting-jobs.ts";

/** How long the engine's preflight may hold an answer back (wire.md). */
const preflightTimeoutMs = 80;

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { registry, sessions, engine, lifecycle, clock, limits, uidPrefix = "j" } = options;
  const waiting = createWaitingJobs(options.queue);
  const timers = createJobTimers(clock);
  const preflight = createPreflight({ send: engine.send, clock, timeoutMs: preflightTimeoutMs });
  const queries = createQueries({ engine, clock, onLeft: () => stillness.changed() });
  const expectations = createExpectations({ ready: () => engine.ready, waitMs: options.queue.waitMs });
  const positions = createPositions({
    clock,
    positionOf: position,
    onMoved: (job, at) => apply(job, { type: "moved", position: at, etaMs: expectations.firstTokenMs(job, at) }),
  });
  const readers = createReaders({
    clock,
    timers,
    lifecycle,
    limits,
    onAbandoned: (job) => end(job, { type: "cancelled", by: "disconnect" }),
  });
  /** By sequence, what the engine holds: also of jobs that have ended while it still cleans up after them. */
  const held = new Map<string, Job>();
  const freeSlots = createFreeSlots({ waiting, engine, held, now: () => clock.now() });
  const idleness = createIdleness(() => registry.liveCount === 0);
  const stillness = createIdleness(() => held.size === 0 && queries.waiting === 0);
  let refusal: WaggleError | undefined;
  /** In spite of the refusal, what has spoken runs on the next engine. */
  let draining = false;
  let serial = 0;
  const nextUid = (): string => `${uidPrefix}${(serial += 1)}`;

  // ---- what happens to a job ----------------------------------------------------------------------------------------

  function apply(job: Job, event: JobEvent): void {
    const { state, effects } = reduce(job, event);
    job.state = state;
    for (const effect of effects) perform(job, effect);
  }

  function perform(job: Job, effect: Effect): void {
    switch (effect.type) {
      case "append":
        record(job, effect.event, options.fingerprints);
        if (effect.event.type === "status") lifecycle.status(job, effect.event);
        return;
      case "enqueue":
        waiting.enter(job, effect.again);
        positions.follow(job);
        return;
      case "dequeue":
        return waiting.leave(job);
      case "submit":
        return submitSequences(job);
      case "release":
        for (const uid of effect.uids) engine.send({ type: "cancel", jobId: uid });
        return timers.set(job, "overdue", limits.supersedeTimeoutMs, () => {
          apply(job, { type: "overdue", at: clock.now() });
          pump();
        });
      case "measure_start":
      case "measure_resumption":
      case "measure_tokens":
      case "measure_cancel":
      case "measure_unreadable":
        if (effect.type === "measure_tokens" && effect.first) expectations.prefilled(job);
        return measure(lifecycle, job, effect);
      case "said":
        return noteSaid(job, effect);
      case "keep":
        return keepComputed(job, effect.event);
      case "free":
        return waiting.finished(job);
      case "ended":
        return conclude(job, effect.outcome);
    }
  }

  function submitSequences(job: Job): void {
    const running = job.state.sequences.filter((sequence) => sequence.held);
    for (const { uid } of running) held.set(uid, job);
    for (const sequence of running) {
      if (engine.run !== undefined) engine.run(job, sequence);
      else engine.send({ type: "submit", job: restOf(job, sequence) });
    }
  }

  /** Its last event has been said: everything that hangs on the job follows. */
  function conclude(job: Job, outcome: Outcome): void {
    timers.clearAll(job);
    if (job.sessionKey !== undefined) sessions.release(job.sessionKey, job.uid);
    lifecycle.ended(job, outcome);
    dropContent(job);
    registry.retire(job);
    const successor = waiting.takeSuccessor(job);
    if (successor !== undefined) {
      lifecycle.predecessorLeft(successor, !job.state.sequences.some((sequence) => sequence.held));
      apply(successor, { type: "unblocked" });
    }
    job.follower?.ended(outcome);
    job.ended.resolve();
    positions.changed();
    idleness.changed();
  }

  function end(job: Job, outcome: Outcome): void {
    apply(job, { type: "end", outcome, at: clock.now() });
    pump();
  }

  function position(job: Job): number | undefined {
    return hasEnded(job) ? undefined : (waiting.position(job) ?? 0);
  }

  // ---- admission ----------------------------------------------------------------------------------------------------

  function begin(spec: JobSpec, made: Acceptable): Job {
    const job = admit(spec, made);
    registry.add(job);
    lifecycle.accepted(job);
    startSpecTimers(job, { timers, limits, end });
    pump();
    if (job.state.phase.name !== "blocked") positions.follow(job);
    if (!engine.ready) apply(job, { type: "loading" });
    return job;
  }

  /** A job that supersedes another one takes its place, so a full queue does not refuse it. */
  function fullFor({ scope }: JobSpec): WaggleError | undefined {
    return waiting.full && holderOf(sessionKeyOf(scope)) === undefined ? waiting.refusal() : undefined;
  }

  /** Finds the job its place: in the queue, where the waiting job of its session stands, or behind the running one. */
  function admit(spec: JobSpec, made: Acceptable): Job {
    const old = holderOf(sessionKeyOf(spec.scope));
    const phase = old === undefined || old.state.phase.name === "queued" ? "queued" : "blocked";
    const { replayBufferBytes } = limits;
    const job = createJob(spec, { ...made, now: clock.now(), replayBufferBytes, phase });
    const begins = options.queue.depth === 0 && freeSlots.hasRoomFor(job);
    expectations.refuseLate(job, () => (begins ? 0 : waiting.forecast(job, old)));
    if (old === undefined) waiting.join(job);
    else waiting.replace(old, job);
    if (job.sessionKey !== undefined) sessions.claim(job.sessionKey, job.uid);
    if (old !== undefined) end(old, { type: "cancelled", by: "superseded" });
    return job;
  }

  function holderOf(sessionKey: string | undefined): Job | undefined {
    if (sessionKey === undefined) return undefined;
    const uid = sessions.current(sessionKey);
    return uid === undefined ? undefined : registry.live(uid);
  }

  function adopt(spec: JobSpec, { callKey, waits }: { callKey: string; waits: boolean }): Job {
    const uid = nextUid();
    const { replayBufferBytes } = limits;
    const made = { uid, callKey, adopted: true, now: clock.now(), replayBufferBytes } as const;
    const job = createJob(spec, { ...made, phase: "queued" });
    registry.add(job);
    // A newer job of its session stays the session's.
    if (job.sessionKey !== undefined && holderOf(job.sessionKey) === undefined) sessions.claim(job.sessionKey, uid);
    startSpecTimers(job, { timers, limits, end });
    if (!waits) apply(job, { type: "submitted" });
    else {
      waiting.enter(job, false);
      pump();
      positions.follow(job);
      if (!engine.ready) apply(job, { type: "loading" });
    }
    return job;
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  function pump(): void {
    for (let job = freeSlots.takeNext(); job !== undefined; job = freeSlots.takeNext()) {
      apply(job, { type: "submitted" });
      positions.changed();
    }
  }

  function onEngineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "preflight_ok":
      case "preflight_failed":
        return preflight.answer(event);
      case "query_result":
        return queries.answer(event);
      case "step":
        for (const jobEvent of event.events) onJobEvent(jobEvent);
        return pump();
      case "loading":
      case "ready":
      case "load_failed":
      case "broken":
      case "log":
      case "prefix_store":
      case "process_stats":
      case "gpu_memory":
        return;
    }
  }

  function onJobEvent(event: EngineJobEvent): void {
    const job = held.get(event.jobId);
    if (job === undefined) return;
    const follower = hasEnded(job) ? undefined : job.follower;
    const change = jobEventOf(event, { model: options.model(), at: clock.now() });
    if (change.type !== "released") {
      apply(job, change);
      return follower?.event(event);
    }
    held.delete(event.jobId);
    // Nothing comes after its end, which this may bring.
    follower?.event(event);
    apply(job, change);
    stillness.changed();
  }

  function onEngineLost(error: WaggleError): void {
    preflight.abandon();
    queries.abandon("the engine died");
    const lost = [...new Set(held.values())];
    held.clear();
    for (const job of lost) {
      if (!hasEnded(job)) job.follower?.engineLost(lossesAfter(job.state));
      apply(job, { type: "engine_lost", outcome: failureOf(error), at: clock.now() });
    }
    stillness.changed();
    // Whoever refuses takes nothing else from the queue any more, whatever engine comes.
    if (refusal !== undefined) endWaiting(refusal);
    for (const job of registry.liveJobs()) apply(job, { type: "loading" });
  }

  function onModelChanged(): void {
    const error = new WaggleError("engine_failed", "Cannot go on: another file has taken the model's place.");
    for (const job of registry.liveJobs()) forgetComputed(job);
    for (const job of registry.liveJobs()) if (job.log.nextToken > 0) end(job, failureOf(error));
  }

  function refuse(error: WaggleError, sparing = false): void {
    refusal = error;
    draining = sparing;
    endWaiting(error);
  }

  function endWaiting(error: WaggleError): void {
    const event = { type: "end", outcome: failureOf(error), at: clock.now() } as const;
    // All of them before anybody gets a slot: who stands behind one that waited for room would have it, and is refused as well.
    for (const job of registry.liveJobs())
      if (isWaiting(job) && !(draining && job.log.nextToken > 0)) apply(job, event);
    pump();
  }

  return {
    submit: createAcceptance({
      engine,
      preflight,
      registry,
      defaults: limits,
      nextUid,
      refusal: () => refusal,
      full: fullFor,
      begin,
    }),
    adopt,
    position,
    cancel: (job, by) => end(job, { type: "cancelled", by }),
    query: queries.ask,
    preflight: async (job) => (engine.ready ? await preflight.ask(job) : undefined),
    sessionJob: (client, sessionId) => holderOf(sessionKeyOf({ client, sessionId })),
    openReader: readers.open,
    onEngineEvent,
    onEngineReady: pump,
    onTakenOver(uid) {
      const job = held.get(uid);
      if (job !== undefined) apply(job, { type: "taken_over" });
    },
    onEngineLost,
    onModelChanged,
    accept() {
      refusal = undefined;
    },
    drain: (error) => refuse(error, true),
    refuse,
    abort(error) {
      refusal = error;
      draining = false;
      preflight.abandon();
      queries.abandon("the worker is leaving");
      endWaiting(error);
      for (const job of registry.liveJobs()) apply(job, { type: "abort", outcome: failureOf(error), at: clock.now() });
    },
    idle: idleness.wait,
    still: stillness.wait,
    get waiting() {
      return waiting.length;
    },
    get running() {
      return held.size;
    },
    stop() {
      positions.stop();
      registry.clear();
    },
  };
}
