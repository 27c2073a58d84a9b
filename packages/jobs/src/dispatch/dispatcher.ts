// Runs a job from acceptance to its terminal event: passes each input to the reducer and performs the effects. No other code changes a job. The
// dispatcher never awaits a client, and needs no lock: each function runs to its end in one turn of the event loop. Only acceptance waits.
import { createCondition, inBackground } from "@waggle/async";
import type { JobEvent } from "@waggle/engine";
import { isLane, WaggleError } from "@waggle/protocol";
import type { AnswerMessage } from "@waggle/protocol";
import { createAcceptance, type Acceptable } from "./acceptance.ts";
import type { Dispatcher, DispatcherOptions, Spared } from "./dispatcher-port.ts";
import { createForecast } from "./forecast.ts";
import { createHeldSequences, shareAfterMs } from "./held-sequences.ts";
import { createPositions } from "./positions.ts";
import { createQueries } from "./queries.ts";
import { createJobTimers } from "../job/timers.ts";
import { createWaitingJobs } from "./waiting-jobs.ts";
import { aloneMs, isSuspect, lossesAfter } from "../job/crash-blame.ts";
import { failedWith, hasEnded, isWaiting, isYielding, jobUidOf, waitsForConsent } from "../job/job.ts";
import type { Job, Outcome, TakenOver } from "../job/job.ts";
import type { JobSpec } from "../job/job-spec.ts";
import { beginStep, createJob, sessionKeyOf, type NewJobOptions } from "../job/new-job.ts";
import { isRelease, reduce, type Effect, type JobInput } from "../job/reduce.ts";
import { waitingIn } from "../job/sequences.ts";
import { addTokens, dropContent, keepComputed } from "../job/output-so-far.ts";
import type { SessionJob } from "../kept/registry.ts";
import { createReaders } from "../stream/reader.ts";
import { record, recordStep } from "../stream/receipt.ts";
import type { Observation } from "../job/observers.ts";

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { queue, registry, executor, clock, limits, uidPrefix } = options;
  const { sessions } = registry;
  const forecast = createForecast({
    now: () => clock.now(),
    ready: () => executor.ready,
    slots: () => executor.slots,
    waiting: () =>
      registry
        .liveJobs()
        .filter(({ spec }) => !isLane(spec.when))
        .map((job) => ({ job, at: queue.position(job.uid) ?? 0 }))
        .filter(({ at }) => at > 0)
        .toSorted((a, b) => a.at - b.at)
        .map(({ job }) => job),
    depth: () => queue.depth,
    shares: executor.yieldsItself !== true,
  });
  const waiting = createWaitingJobs({ queue, forecast });
  const timers = createJobTimers(clock);
  const queries = createQueries({ executor, clock });
  const positions = createPositions({
    clock,
    positionOf: (job) => (unchecked.has(job) || job.state.phase.name === "blocked" ? undefined : position(job)),
    onMoved(job, position) {
      const etaMs = job.spec.work.kind === "embed" ? undefined : forecast.firstTokenMs(job, position);
      apply(job, { type: "moved", position, etaMs });
    },
  });
  const readers = createReaders({
    clock,
    timers,
    limits,
    onCutOff: (job) => observe(job, { type: "reader_cut_off" }),
    onAbandoned: (job) => end(job, { type: "cancelled", by: "disconnect" }),
  });
  const held = createHeldSequences(executor, () => clock.now());
  /** The places of jobs in their sessions. */
  const streams = new WeakMap<Job, SessionJob>();
  /** Accepted jobs whose work the executor may still refuse. Their clients get no position, so that nothing precedes the error. */
  const unchecked = new Set<Job>();
  const idle = createCondition(() => registry.liveCount === 0);
  const still = createCondition(() => held.size === 0 && queries.waiting === 0);
  let refusal: WaggleError | undefined;
  let spared: Spared = "none";
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
        return submitSequences(job, effect.uids);
      case "call":
        recordStep(job, options.fingerprints(job));
        positions.announce(job);
        return inBackground("run tool calls", runCalls(job, effect.message));
      case "step":
        // A recorded message was not run, so the executor still has the work before it.
        executor.cancel(job.uid);
        return beginStep(job, effect.work);
      case "release":
        for (const uid of effect.uids) executor.cancel(uid, effect.yields);
        if (effect.yields === true) return;
        return timers.set(job, "overdue", limits.supersedeTimeoutMs, () => {
          apply(job, { type: "overdue", at: clock.now() });
          pump();
        });
      case "output":
        return addTokens(job.output[effect.choice], effect.ids);
      case "keep":
        return keepComputed(job, effect.event);
      case "free":
        return waiting.finished(job, effect.places);
      case "leave":
        timers.clearAll(job);
        unchecked.delete(job);
        for (const uid of effect.uids) held.delete(uid);
        executor.leave?.(effect.uids);
        return readers.close(job);
      case "ended":
        return conclude(job, effect.outcome);
    }
  }

  async function runCalls(job: Job, message: AnswerMessage): Promise<void> {
    try {
      const work = await options.calls?.run(job, message, (event) => {
        apply(job, { type: "call", event });
        // The consent may come after the drain's deadline. The client can send its request again.
        if (refusal !== undefined && waitsForConsent(job)) end(job, failedWith(refusal));
      });
      if (refusal !== undefined && spared === "none") return end(job, failedWith(refusal));
      apply(job, { type: "called", work, at: clock.now() });
      if (isWaiting(job)) {
        positions.announce(job);
        if (!executor.ready) apply(job, { type: "loading" });
      }
      pump();
    } catch (error) {
      end(job, failedWith(WaggleError.from(error)));
    }
  }

  function observe(job: Job, what: Observation): void {
    if (what.type === "tokens" && what.first) forecast.prefilled(job);
    for (const observer of options.observers) observer(job, what, options.model());
  }

  function submitSequences(job: Job, uids: readonly string[]): void {
    held.add(job, uids);
    if (isSuspect(job)) timers.set(job, "alone", aloneMs, pump);
    executor.start(
      job,
      job.state.sequences.filter(({ uid }) => uids.includes(uid)),
    );
  }

  /** Frees everything that depends on the job, after its last event. */
  function conclude(job: Job, outcome: Outcome): void {
    timers.clearAll(job);
    unchecked.delete(job);
    observe(job, { type: "ended", outcome });
    const cleanly = !job.state.sequences.some((sequence) => sequence.held);
    if (cleanly) executor.cancel(job.uid);
    dropContent(job);
    registry.retire(job);
    const stream = streams.get(job);
    if (job.sessionKey !== undefined && stream !== undefined) sessions.leave(job.sessionKey, stream, cleanly);
    job.listener?.ended(outcome);
    if (job.spec.calls !== undefined) options.calls?.ended(job);
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
    const sessionKey = sessionKeyOf(spec.who);
    // The client of this request has sent a newer one, which was accepted earlier.
    const isLate = sessionKey !== undefined && sessions.isTaken(sessionKey, spec.who.ticket ?? 0);
    const job = isLate ? newJob(spec, made, "blocked") : admit(spec, made);
    registry.add(job);
    observe(job, { type: "accepted" });
    if (isLate) {
      end(job, { type: "cancelled", by: "superseded" });
      return job;
    }
    startTimers(job);
    if (job.spec.calls !== undefined) apply(job, { type: "recalled", at: clock.now() });
    // The end of the session's older job may start this one, so its recorded messages are in its stream by then.
    if (job.sessionKey !== undefined) sessions.enter(job.sessionKey, streamOf(job), made.isChecked);
    pump();
    positions.announce(job);
    if (!executor.ready) apply(job, { type: "loading" });
    return job;
  }

  /** Limits the job's time, and its wait for a first reader. */
  function startTimers(job: Job): void {
    const { deadlineMs, spentMs = 0, deadlineSetting, onDisconnect } = job.spec.when;
    if (deadlineMs !== undefined) {
      const setting = deadlineSetting === undefined ? "" : ` (${deadlineSetting})`;
      const message = `Cannot finish the job: its deadline of ${deadlineMs} ms${setting} has passed.`;
      timers.set(job, "deadline", Math.max(0, deadlineMs - spentMs), () =>
        end(job, { type: "failed", code: "deadline_exceeded", message }),
      );
    }
    if (onDisconnect === "continue") return;
    timers.set(job, "orphaned", limits.unclaimedTimeoutMs, () => end(job, { type: "cancelled", by: "unclaimed" }));
  }

  /** A full queue does not refuse a job that supersedes another job, because the new job gets that job's position. A job that runs calls has no position. */
  function fullFor({ who, when }: JobSpec): WaggleError | undefined {
    const holder = holderOf(sessionKeyOf(who));
    const hasPlace = holder !== undefined && holder.state.phase.name !== "calling";
    return waiting.full && !hasPlace && !isLane(when) ? waiting.refusal() : undefined;
  }

  /** Puts the job into the queue. A job of a session replaces the session's waiting job, or waits for the end of the session's older jobs. */
  function admit(spec: JobSpec, made: Acceptable): Job {
    const sessionKey = sessionKeyOf(spec.who);
    const older = sessionKey === undefined ? [] : sessions.older(sessionKey, spec.who.ticket ?? 0);
    const old = made.isChecked ? replaceable(older) : undefined;
    const job = newJob(spec, made, older.length === 0 || old !== undefined ? "queued" : "blocked");
    const begins = queue.depth === 0 && held.hasRoomFor(job);
    forecast.refuseLate(job, () => (begins ? 0 : waiting.futurePosition(job, old)));
    if (older.length === 0) waiting.join(job);
    else if (old === undefined) waiting.block(job);
    else waiting.replace(old, job);
    if (!made.isChecked) unchecked.add(job);
    return job;
  }

  function newJob(spec: JobSpec, made: Acceptable, phase: NewJobOptions["phase"]): Job {
    return createJob(spec, { ...made, now: clock.now(), replayBufferBytes: limits.replayBufferBytes, phase });
  }

  /** The job in this queue whose position a newer job of its session may take: the session's only older job. */
  function replaceable([old, ...more]: readonly SessionJob[]): Job | undefined {
    const job = old === undefined || more.length > 0 ? undefined : registry.live(old.job.uid);
    return job?.state.phase.name === "queued" ? job : undefined;
  }

  function streamOf(job: Job): SessionJob {
    const stream: SessionJob = {
      job,
      ticket: job.spec.who.ticket ?? 0,
      get waits() {
        return job.state.phase.name === "blocked";
      },
      supersede: () => end(job, { type: "cancelled", by: "superseded" }),
      proceed(cleanly) {
        if (!stream.waits) return;
        observe(job, { type: "predecessor_ended", cleanly });
        apply(job, { type: "unblocked", at: clock.now() });
        // The older job may have run under another dispatcher, which does not call this one's `pump`.
        queueMicrotask(pump);
      },
    };
    streams.set(job, stream);
    return stream;
  }

  /** The executor will not refuse the job's work any more: the job supersedes its session's older jobs. */
  function checked(job: Job): void {
    if (!unchecked.delete(job)) return;
    const { sessionKey } = job;
    const stream = streams.get(job);
    if (sessionKey !== undefined && stream !== undefined) {
      const old = replaceable(sessions.older(sessionKey, stream.ticket));
      if (old !== undefined && stream.waits) waiting.replace(old, job);
      sessions.check(sessionKey, stream);
    }
    positions.announce(job);
  }

  function holderOf(sessionKey: string | undefined): Job | undefined {
    const job = sessionKey === undefined ? undefined : sessions.current(sessionKey)?.job;
    return job === undefined ? undefined : registry.live(job.uid);
  }

  function takeOver(given: JobSpec, how: { callKey: string; takenOver: TakenOver }): Job {
    const uid = nextUid();
    // The tickets of another gateway mean nothing here. The job is older than all requests that arrive here.
    const spec = { ...given, who: { ...given.who, ticket: 0 } };
    const { replayBufferBytes } = limits;
    const job = createJob(spec, { ...how, uid, now: clock.now(), replayBufferBytes, phase: "queued" });
    registry.add(job);
    // If a newer job has the session already, that job keeps the session.
    if (job.sessionKey !== undefined && sessions.current(job.sessionKey) === undefined) {
      sessions.enter(job.sessionKey, streamOf(job), true);
    }
    startTimers(job);
    if (how.takenOver === "published") apply(job, { type: "submitted" });
    else {
      waiting.enter(job);
      pump();
      positions.announce(job);
      if (!executor.ready) apply(job, { type: "loading" });
    }
    return job;
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  /** Starts waiting jobs in free slots; in a fleet all sequences of a job together, which is what its workers know. Lane jobs start when no other waits. */
  function pump(): void {
    while (executor.ready && !executor.full) {
      const job = waiting.next(held.isPassable);
      if (job === undefined || (isLane(job.spec.when) && queue.depth > 0)) return;
      for (const lane of held.inTheWayOf(job)) apply(lane, { type: "yield" });
      if (!held.hasRoomFor(job)) return share(job);
      const inFleet = executor.yieldsItself === true;
      const most = inFleet ? waitingIn(job.state).length : held.roomFor(isLane(job.spec.when));
      let places = 0;
      for (; places < most && (inFleet || waiting.next(held.isPassable) === job); places += 1) waiting.take(job);
      apply(job, { type: "submitted", places });
      positions.changed();
    }
  }

  /** A client that waits gets a slot of a client that holds at least two more. That sequence continues later. */
  function share(job: Job): void {
    const rival = held.rivalOf(job);
    if (rival === undefined) return;
    const leftMs = shareAfterMs - waiting.waitedMs(job);
    if (leftMs > 0) timers.set(job, "share", leftMs, pump);
    else {
      observe(rival.job, { type: "parked" });
      apply(rival.job, { type: "yield", uids: [rival.uid] });
    }
  }

  function onJobEvent(event: JobEvent): void {
    const job = held.get(event.jobId);
    if (job === undefined) return;
    // The listener does not learn of a yield: the job only continues later.
    const isParked = event.type === "cancelled" && isYielding(job, event.jobId);
    const listener = hasEnded(job) || isParked ? undefined : job.listener;
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

  function onLost(error: WaggleError, checking: ReadonlySet<string>): void {
    queries.abandon("the engine died");
    const waits = registry.liveJobs().filter((job) => isWaiting(job) && checking.has(job.uid));
    const lost = [...new Set([...held.clear(), ...waits])];
    for (const job of lost) {
      if (!hasEnded(job)) job.listener?.engineLost(lossesAfter(job.state));
      apply(job, { type: "engine_lost", outcome: failedWith(error), at: clock.now() });
    }
    // They are suspects, which start alone, so the next engine does not check them before.
    for (const job of unchecked) checked(job);
    still.check();
    // After a refusal no job may leave the queue, even when another engine becomes ready, so the waiting jobs end here.
    if (refusal !== undefined) endWaiting(refusal);
    for (const job of registry.liveJobs()) apply(job, { type: "loading" });
  }

  function onModelChanged(): void {
    const error = new WaggleError("engine_failed", "Cannot continue the job: another file replaced the model.");
    // Vectors of different models cannot be mixed.
    for (const job of registry.liveJobs()) job.vectors.length = 0;
    // The lane asks again for what is unavailable.
    const unavailable = new WaggleError("unavailable", error.message);
    for (const job of registry.liveJobs())
      if (job.log.nextToken > 0) end(job, failedWith(isLane(job.spec.when) ? unavailable : error));
  }

  function laneJobs(): readonly Job[] {
    return registry.liveJobs().filter(({ spec }) => isLane(spec.when));
  }

  function refuse(error: WaggleError, spares: Spared = "none"): void {
    refusal = error;
    spared = spares;
    // The lane asks for them again, here or after a restart.
    for (const job of laneJobs()) {
      apply(job, { type: "yield" });
      apply(job, { type: "abort", outcome: failedWith(error), at: clock.now() });
    }
    if (spared === "accepted") pump();
    else endWaiting(error);
  }

  function endWaiting(error: WaggleError): void {
    const input = { type: "end", outcome: failedWith(error), at: clock.now() } as const;
    // End all waiting jobs before `pump`: otherwise the end of the first one could let `pump` start another waiting job, which must end too.
    for (const job of registry.liveJobs())
      if ((isWaiting(job) && !(spared === "begun" && job.log.nextToken > 0)) || waitsForConsent(job)) apply(job, input);
    pump();
  }

  executor.open({
    onEvents(events) {
      for (const event of events) onJobEvent(event);
      pump();
    },
    onRoom: pump,
    onChecked(uid) {
      const job = registry.live(jobUidOf(uid));
      if (job !== undefined) checked(job);
    },
    onRefused(uid, error) {
      const job = registry.live(jobUidOf(uid));
      if (job !== undefined) end(job, failedWith(error));
    },
    onAnswer: queries.answer,
    onMoved(uid) {
      const job = held.get(uid);
      if (job !== undefined) apply(job, { type: "resumed_elsewhere" });
    },
    onLost,
  });

  return {
    submit: createAcceptance({
      executor,
      registry,
      defaults: limits,
      nextUid,
      refusal: () => refusal,
      full: fullFor,
      mayCheck: () => !held.runsSuspect,
      begin,
    }),
    takeOver,
    position,
    cancel: (job, by) => end(job, { type: "cancelled", by }),
    async query(question, signal, client) {
      if (held.runsSuspect)
        throw new WaggleError("unavailable", "Cannot ask the model: it recovers from a crash.", { retryAfterS: 1 });
      return await queries.ask(question, signal, client).finally(still.check);
    },
    async preflight(work) {
      const uid = nextUid();
      try {
        const answer = executor.ready && !held.runsSuspect ? await executor.preflight(uid, work) : "unchecked";
        return typeof answer === "string" ? undefined : answer;
      } finally {
        executor.cancel(uid);
      }
    },
    sessionJob: (client, sessionId) => holderOf(sessionKeyOf({ client, sessionId })),
    openReader: readers.open,
    measured: forecast.measured,
    onModelChanged,
    accept() {
      refusal = undefined;
    },
    refuse,
    abort(error, leaves = () => false) {
      refusal = error;
      spared = "none";
      for (const job of registry.liveJobs()) if (leaves(job)) apply(job, { type: "leave" });
      queries.abandon("the worker is leaving");
      endWaiting(error);
      for (const job of registry.liveJobs()) apply(job, { type: "abort", outcome: failedWith(error), at: clock.now() });
    },
    idle: idle.wait,
    still: still.wait,
    yieldLane() {
      for (const job of held.runningLane) apply(job, { type: "yield" });
    },
    get waiting() {
      return waiting.length;
    },
    get running() {
      return held.size - held.laneSize;
    },
    get sequences() {
      return held.size;
    },
    get laneJobs() {
      return laneJobs().length;
    },
    stop: positions.stop,
  };
}
