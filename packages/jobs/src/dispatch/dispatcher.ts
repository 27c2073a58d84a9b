// Runs a job from acceptance to its terminal event: passes each input to the reducer and performs the effects. No other code changes a job. The
// dispatcher never awaits a client, and needs no lock: each function runs to its end in one turn of the event loop. Only acceptance waits.
import { createCondition } from "@waggle/async";
import type { EngineEvent, JobEvent } from "@waggle/engine";
import { errorOf, WaggleError } from "@waggle/protocol";
import { createAcceptance, type Acceptable } from "./acceptance.ts";
import type { Dispatcher, DispatcherOptions } from "./dispatcher-port.ts";
import { createForecast } from "./forecast.ts";
import { createPositions } from "./positions.ts";
import { createPreparations } from "./preparations.ts";
import { createQueries } from "./queries.ts";
import { createJobTimers } from "./timers.ts";
import { createWaitingJobs } from "./waiting-jobs.ts";
import { lossesAfter, mayStartWith } from "../job/crash-blame.ts";
import { failedWith, hasEnded, isWaiting, jobUidOf, type Job, type Outcome, type TakenOver } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { createJob, sessionKeyOf } from "../job/new-job.ts";
import { isRelease, reduce, type Effect, type JobInput } from "../job/reduce.ts";
import { addTokens, dropContent, keepComputed } from "../stream/output-so-far.ts";
import { createReaderOpener } from "../stream/reader.ts";
import { record } from "../stream/receipt.ts";
import type { Observation } from "../watching/observers.ts";

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { queue, registry, sessions, engine, clock, limits, uidPrefix } = options;
  const forecast = createForecast({ now: () => clock.now(), ready: () => engine.ready });
  const waiting = createWaitingJobs({ queue, forecast });
  const timers = createJobTimers(clock);
  const preparations = createPreparations({ send: engine.send, clock });
  const queries = createQueries({ engine, clock });
  const positions = createPositions({
    clock,
    positionOf: position,
    onMoved: (job, at) => apply(job, { type: "moved", position: at, etaMs: forecast.firstTokenMs(job, at) }),
  });
  const openReader = createReaderOpener({
    clock,
    timers,
    limits,
    onCutOff: (job) => observe(job, { type: "reader_cut_off" }),
    onAbandoned: (job) => end(job, { type: "cancelled", by: "disconnect" }),
  });
  /** The job of each sequence that the engine holds, by the sequence's uid. An ended job stays until the engine has released its sequences. */
  const held = new Map<string, Job>();
  const idle = createCondition(() => registry.liveCount === 0);
  const still = createCondition(() => held.size === 0 && queries.waiting === 0);
  let refusal: WaggleError | undefined;
  /** While draining, jobs with output continue on the next engine in spite of the refusal. */
  let draining = false;
  let serial = 0;
  const nextUid = (): string => `${uidPrefix}${(serial += 1)}`;

  // ---- inputs and effects -------------------------------------------------------------------------------------------

  function apply(job: Job, input: JobInput): void {
    const { state, effects } = reduce(job, input);
    job.state = state;
    for (const effect of effects) perform(job, effect);
  }

  function perform(job: Job, effect: Effect): void {
    switch (effect.type) {
      case "append":
        record(job, effect.event, options.fingerprints);
        if (effect.event.type === "status") observe(job, { type: "status", event: effect.event });
        return;
      case "observe":
        return observe(job, effect.what);
      case "enqueue":
        waiting.enter(job, effect.again);
        positions.announce(job);
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
      case "output":
        return addTokens(job.output[effect.choice], effect.ids);
      case "keep":
        return keepComputed(job, effect.event);
      case "free":
        return waiting.finished(job);
      case "ended":
        return conclude(job, effect.outcome);
    }
  }

  function observe(job: Job, what: Observation): void {
    if (what.type === "tokens" && what.first) forecast.prefilled(job);
    for (const observer of options.observers) observer(job, what, options.model());
  }

  function submitSequences(job: Job): void {
    const running = job.state.sequences.filter((sequence) => sequence.held);
    for (const { uid } of running) held.set(uid, job);
    if (engine.run === undefined) preparations.start(job);
    else for (const sequence of running) engine.run(job, sequence);
  }

  /** Frees everything that depends on the job, after its last event. */
  function conclude(job: Job, outcome: Outcome): void {
    timers.clearAll(job);
    if (job.sessionKey !== undefined) sessions.release(job.sessionKey, job.uid);
    observe(job, { type: "ended", outcome });
    preparations.drop(job.uid);
    dropContent(job);
    registry.retire(job);
    const successor = waiting.takeSuccessor(job);
    if (successor !== undefined) {
      const cleanly = !job.state.sequences.some((sequence) => sequence.held);
      observe(successor, { type: "predecessor_ended", cleanly });
      apply(successor, { type: "unblocked" });
    }
    job.listener?.ended(outcome);
    job.ended.resolve();
    positions.changed();
    idle.check();
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
    observe(job, { type: "accepted" });
    startTimers(job);
    pump();
    if (job.state.phase.name !== "blocked") positions.announce(job);
    if (!engine.ready) apply(job, { type: "loading" });
    return job;
  }

  /** Limits the job's time, and its wait for a first reader. */
  function startTimers(job: Job): void {
    const { deadlineMs, onDisconnect } = job.spec.when;
    if (deadlineMs !== undefined) {
      const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
      timers.set(job, "deadline", deadlineMs, () => end(job, { type: "failed", code: "deadline_exceeded", message }));
    }
    if (onDisconnect === "continue") return;
    timers.set(job, "orphaned", limits.unclaimedTimeoutMs, () => end(job, { type: "cancelled", by: "unclaimed" }));
  }

  /** A full queue does not refuse a job that supersedes another job, because the new job gets that job's position. */
  function fullFor({ who }: JobSpec): WaggleError | undefined {
    return waiting.full && holderOf(sessionKeyOf(who)) === undefined ? waiting.refusal() : undefined;
  }

  /** Puts the job into the queue. A job of a session replaces the session's waiting job, or waits for the end of the session's running job. */
  function admit(spec: JobSpec, made: Acceptable): Job {
    const old = holderOf(sessionKeyOf(spec.who));
    const phase = old === undefined || old.state.phase.name === "queued" ? "queued" : "blocked";
    const job = createJob(spec, { ...made, now: clock.now(), replayBufferBytes: limits.replayBufferBytes, phase });
    const begins = queue.depth === 0 && hasRoomFor(job);
    forecast.refuseLate(job, () => (begins ? 0 : waiting.futurePosition(job, old)));
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

  function takeOver(spec: JobSpec, how: { callKey: string; takenOver: TakenOver }): Job {
    const uid = nextUid();
    const { replayBufferBytes } = limits;
    const job = createJob(spec, { ...how, uid, now: clock.now(), replayBufferBytes, phase: "queued" });
    registry.add(job);
    // If a newer job has the session already, that job keeps the session.
    if (job.sessionKey !== undefined && holderOf(job.sessionKey) === undefined) sessions.claim(job.sessionKey, uid);
    startTimers(job);
    if (how.takenOver === "published") apply(job, { type: "submitted" });
    else {
      waiting.enter(job, false);
      pump();
      positions.announce(job);
      if (!engine.ready) apply(job, { type: "loading" });
    }
    return job;
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  /** Starts waiting jobs in free slots. All sequences of a job start together. */
  function pump(): void {
    while (engine.ready && engine.full !== true && held.size < engine.slots) {
      const job = waiting.next(hasSlotsFor);
      if (job === undefined || !hasRoomFor(job)) return;
      waiting.take(job);
      apply(job, { type: "submitted" });
      positions.changed();
    }
  }

  /** A job with more sequences than the engine has slots needs all slots free. */
  function hasSlotsFor({ state }: Job): boolean {
    const needed = state.sequences.filter(({ stoppedBy }) => stoppedBy === undefined).length;
    return Math.min(needed, engine.slots) <= engine.slots - held.size;
  }

  /** Whether the job could start now if it were next. */
  function hasRoomFor(job: Job): boolean {
    return hasSlotsFor(job) && mayStartWith(job, held.values());
  }

  function onEngineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "prepared":
        return void preparations.answer(event);
      case "prepare_failed":
        return preparations.answer(event) ? undefined : endRefused(event);
      case "unprepared":
        return prepareAgain(event.jobId);
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
      case "picture":
      case "step_costs":
      case "process_stats":
      case "gpu_memory":
        return;
    }
  }

  /** Ends a job that was accepted before its work was checked. */
  function endRefused({ jobId, failure }: Extract<EngineEvent, { type: "prepare_failed" }>): void {
    const job = registry.live(jobUidOf(jobId));
    if (job !== undefined) end(job, failedWith(errorOf(failure)));
  }

  function prepareAgain(prepared: string): void {
    const jobUid = jobUidOf(prepared);
    const job = registry.live(jobUid);
    if (job?.state.phase.name === "running") return preparations.repeat(job, prepared);
    // The job has ended or is ending, so the engine must not wait for its work.
    for (const uid of held.keys()) if (jobUidOf(uid) === jobUid) engine.send({ type: "cancel", jobId: uid });
  }

  function onJobEvent(event: JobEvent): void {
    const job = held.get(event.jobId);
    if (job === undefined) return;
    const listener = hasEnded(job) ? undefined : job.listener;
    const input = { type: "engine", event, model: options.model(), at: clock.now() } as const;
    if (!isRelease(event)) {
      apply(job, input);
      return listener?.event(event);
    }
    held.delete(event.jobId);
    // Call the listener before `apply`, which may end the job: `ended` must be the listener's last call.
    listener?.event(event);
    apply(job, input);
    still.check();
  }

  function onEngineLost(error: WaggleError): void {
    preparations.abandon();
    queries.abandon("the engine died");
    const lost = [...new Set(held.values())];
    held.clear();
    for (const job of lost) {
      if (!hasEnded(job)) job.listener?.engineLost(lossesAfter(job.state));
      apply(job, { type: "engine_lost", outcome: failedWith(error), at: clock.now() });
    }
    still.check();
    // After a refusal no job may leave the queue, even when another engine becomes ready, so the waiting jobs end here.
    if (refusal !== undefined) endWaiting(refusal);
    for (const job of registry.liveJobs()) apply(job, { type: "loading" });
  }

  function onModelChanged(): void {
    const error = new WaggleError("engine_failed", "Cannot continue the job: another file replaced the model.");
    // Vectors of different models cannot be mixed.
    for (const job of registry.liveJobs()) job.vectors.length = 0;
    for (const job of registry.liveJobs()) if (job.log.nextToken > 0) end(job, failedWith(error));
  }

  function refuse(error: WaggleError, sparing = false): void {
    refusal = error;
    draining = sparing;
    endWaiting(error);
  }

  function endWaiting(error: WaggleError): void {
    const input = { type: "end", outcome: failedWith(error), at: clock.now() } as const;
    // End all waiting jobs before `pump`: otherwise the end of the first one could let `pump` start another waiting job, which must end too.
    for (const job of registry.liveJobs())
      if (isWaiting(job) && !(draining && job.log.nextToken > 0)) apply(job, input);
    pump();
  }

  return {
    submit: createAcceptance({
      engine,
      preparations,
      registry,
      defaults: limits,
      nextUid,
      refusal: () => refusal,
      full: fullFor,
      begin,
    }),
    takeOver,
    position,
    cancel: (job, by) => end(job, { type: "cancelled", by }),
    query: (question, signal) => queries.ask(question, signal).finally(still.check),
    async preflight(job) {
      try {
        return engine.ready ? await preparations.ask(job) : undefined;
      } finally {
        preparations.drop(job.jobId);
      }
    },
    sessionJob: (client, sessionId) => holderOf(sessionKeyOf({ client, sessionId })),
    openReader,
    onEngineEvent,
    onEngineReady: pump,
    onResumedElsewhere(uid) {
      const job = held.get(uid);
      if (job !== undefined) apply(job, { type: "resumed_elsewhere" });
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
      preparations.abandon();
      queries.abandon("the worker is leaving");
      endWaiting(error);
      for (const job of registry.liveJobs()) apply(job, { type: "abort", outcome: failedWith(error), at: clock.now() });
    },
    idle: idle.wait,
    still: still.wait,
    get waiting() {
      return waiting.length;
    },
    get running() {
      return held.size;
    },
    stop: positions.stop,
  };
}
