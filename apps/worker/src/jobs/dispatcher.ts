// Owns the way of a job from acceptance to its one terminal event: queue, engine, supersession, every way to end it.
// It never awaits a client, and nothing in it waits under a lock: each public function runs to its end in one turn.
import { randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineJob, JobEvent } from "@waggle/engine";
import { WaggleError, samplingOf, stopStringsOf } from "@waggle/protocol";
import type { GenerateRequest, StatusEvent } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import { createChecks } from "./checks.ts";
import { isFinal, transition } from "./job.ts";
import type { Job, JobTimer, Outcome } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createPositions } from "./positions.ts";
import type { JobRegistry } from "./registry.ts";
import { createReader } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { createReplayLog } from "./replay-log.ts";
import { streamKeys, terminalEventOf } from "./summaries.ts";

/** Milliseconds and bytes; each is a flag of the worker. */
export interface JobLimits {
  readonly replayBufferBytes: number;
  readonly pingIntervalMs: number;
  readonly readerStallTimeoutMs: number;
  readonly reconnectGraceMs: number;
  readonly unclaimedTimeoutMs: number;
  /** How long the engine may take to let go of a slot before the job's end is forced. */
  readonly supersedeTimeoutMs: number;
}

/** How long the engine's checks may hold an answer back, and how often positions are announced at most (wire.md). */
const checkTimeoutMs = 80;
const positionIntervalMs = 1_000;

/** What the dispatcher sees of the engine. */
export interface EngineLink {
  /** Loaded and taking jobs. */
  readonly ready: boolean;
  readonly slots: number;
  send(command: EngineCommand): void;
}

export interface DispatcherOptions {
  readonly queue: AdmissionQueue<Job>;
  readonly registry: JobRegistry;
  readonly sessions: SessionRegistry;
  readonly engine: EngineLink;
  readonly lifecycle: Lifecycle;
  readonly clock: Clock;
  readonly limits: JobLimits;
  /** The name the model is served under. */
  readonly model: () => string;
  readonly onTokens?: (job: Job, tokens: number, sincePreviousMs: number | undefined) => void;
  readonly onCancelSteps?: (steps: number) => void;
  readonly onReaderCutOff?: () => void;
}

export interface Submission {
  readonly request: GenerateRequest;
  readonly client: string;
  readonly trace: string;
  /** The answer to this request is the stream itself. */
  readonly direct: boolean;
}

export interface Dispatcher {
  /** @throws WaggleError invalid_argument, conflict, resource_exhausted, unavailable; then nothing has changed and nobody was disturbed */
  submit(submission: Submission): Promise<Job>;
  /** 1 is next, 0 is running; undefined once it has ended. */
  position(job: Job): number | undefined;
  /** Asks for the job's end and returns at once; `job.ended` tells when it is over. Idempotent. */
  cancel(job: Job, by: "client" | "disconnect" | "unclaimed"): void;
  /** The session's live job, if any. */
  sessionJob(client: string, sessionId: string): Job | undefined;
  openReader(job: Job, after: number, onStalled: () => void): Reader;
  onEngineEvent(event: EngineEvent): void;
  onEngineReady(): void;
  /** The engine died: what ran in it ends with this error, what had not begun runs on the next one. */
  onEngineLost(error: WaggleError): void;
  /** Ends everything that has not begun, and refuses new jobs with this error from now on. */
  refuse(error: WaggleError): void;
  /** Ends everything. */
  abort(error: WaggleError): void;
  /** Resolves when no job is live. */
  idle(): Promise<void>;
  /** Jobs that wait for a slot. */
  readonly waiting: number;
  /** Jobs that the engine holds. */
  readonly running: number;
  stop(): void;
}

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { queue, registry, sessions, engine, lifecycle, clock, limits } = options;
  /** What the engine holds, by uid: also jobs whose end was forced while it still cleans up after them. */
  const inEngine = new Map<string, Job>();
  /** Jobs that go before the queue: heirs of a slot, and jobs that lost an engine before they began. */
  let next: Job[] = [];
  let successors = 0;
  let refusal: WaggleError | undefined;
  let idleWaiters: (() => void)[] = [];
  let serial = 0;
  const announced = new Map<Job, number>();
  const checks = createChecks({ send: (command) => engine.send(command), clock, timeoutMs: checkTimeoutMs });
  const positions = createPositions({ clock, intervalMs: positionIntervalMs, announce: announcePositions });

  // ---- admission ----------------------------------------------------------------------------------------------------

  async function submit(submission: Submission): Promise<Job> {
    const { request, client } = submission;
    const uid = `j${(serial += 1)}`;
    const sessionKey = request.session_id === undefined ? undefined : `${client} ${request.session_id}`;
    refuseEarly(request, client, sessionKey);
    if (engine.ready) await checks.ask(engineJobOf(uid, request, client));
    // The world may have moved while the engine was asked; from here on nothing waits.
    refuseEarly(request, client, sessionKey);
    const job = createJob(submission, uid, sessionKey);
    admit(job);
    registry.add(job);
    lifecycle.accepted(job);
    startTimers(job);
    pump();
    announce(job);
    if (!engine.ready) appendStatus(job, "loading");
    return job;
  }

  function refuseEarly(request: GenerateRequest, client: string, sessionKey: string | undefined): void {
    if (refusal !== undefined) throw refusal;
    if (request.job_id !== undefined && registry.has(client, request.job_id)) {
      throw new WaggleError("conflict", `Cannot accept job ${request.job_id}: that job_id is taken.`);
    }
    if (queue.depth >= queue.capacity && current(sessionKey) === undefined) throw queueFull("full");
  }

  function createJob(submission: Submission, uid: string, sessionKey: string | undefined): Job {
    const { request, client, trace, direct } = submission;
    return {
      uid,
      id: request.job_id ?? `job-${randomUUID()}`,
      client,
      trace,
      request,
      sessionKey,
      direct,
      log: createReplayLog(limits.replayBufferBytes),
      acceptedAt: clock.now(),
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

  /** Finds the job its place: in the queue, or where the job of its session stands that it supersedes. */
  function admit(job: Job): void {
    const old = current(job.sessionKey);
    if (old === undefined) {
      const offer = queue.offer(job, queueKey(job));
      if (!offer.ok) throw queueFull(offer.reason);
    } else supersede(old, job);
    if (job.sessionKey !== undefined) sessions.claim(job.sessionKey, job.uid);
  }

  function current(sessionKey: string | undefined): Job | undefined {
    if (sessionKey === undefined) return undefined;
    const uid = sessions.current(sessionKey);
    return uid === undefined ? undefined : registry.live(uid);
  }

  function supersede(old: Job, job: Job): void {
    switch (old.place) {
      case "queue":
        queue.replace(old.uid, job, queueKey(job));
        old.place = "left";
        break;
      case "next":
        next = next.map((entry) => (entry === old ? job : entry));
        inherit(old, job, "next");
        break;
      case "successor":
        if (old.predecessor !== undefined) follow(old.predecessor, job);
        break;
      case "engine":
        follow(old, job);
        break;
      case "left":
        throw new Error(`Job ${old.id} has left but still holds its session`);
    }
    requestEnd(old, { type: "cancelled", by: "superseded" });
  }

  function inherit(old: Job, job: Job, place: "next" | "successor"): void {
    job.ticket = old.ticket;
    old.ticket = undefined;
    job.place = place;
    old.place = "left";
  }

  /** `job` gets the slot of `predecessor` when that one has ended; an earlier successor loses its claim. */
  function follow(predecessor: Job, job: Job): void {
    const earlier = predecessor.successor;
    if (earlier === undefined) {
      job.ticket = undefined;
      successors += 1;
    } else {
      earlier.predecessor = undefined;
      inherit(earlier, job, "successor");
    }
    job.place = "successor";
    job.predecessor = predecessor;
    predecessor.successor = job;
  }

  function queueFull(reason: "full" | "client_share"): WaggleError {
    const retryAfterS = queue.retryAfterS();
    const what = reason === "full" ? `the queue is full (${queue.capacity})` : "this client's share of the queue is full";
    return new WaggleError("resource_exhausted", `Cannot accept the job: ${what}. Retry in ${retryAfterS} s.`, {
      retryAfterS,
    });
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  /** Gives free slots to waiting jobs: heirs first, then the queue. */
  function pump(): void {
    while (engine.ready && inEngine.size < engine.slots) {
      const job = next.shift() ?? queue.take();
      if (job === undefined) break;
      job.place = "engine";
      inEngine.set(job.uid, job);
      engine.send({ type: "submit", job: engineJobOf(job.uid, job.request, job.client) });
      positions.changed();
    }
  }

  function onEngineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "checked":
      case "check_failed":
        checks.answer(event);
        break;
      case "step":
        for (const jobEvent of event.events) onJobEvent(jobEvent);
        pump();
        break;
      case "loading":
      case "ready":
      case "load_failed":
      case "broken":
      case "log":
        break;
    }
  }

  function onJobEvent(event: JobEvent): void {
    const job = inEngine.get(event.jobId);
    if (job === undefined) return;
    const over = isFinal(job.state.name);
    switch (event.type) {
      case "started":
        if (!over) onStarted(job, event);
        return;
      case "token":
        if (!over) onToken(job, event);
        return;
      case "finished":
        job.counts = countsOf(event);
        leaveEngine(job, { type: "finished", reason: event.reason });
        return;
      case "cancelled":
        options.onCancelSteps?.(event.steps);
        if (!over) job.counts = countsOf(event);
        leaveEngine(job, job.ending ?? { type: "failed", code: "internal", message: "The engine dropped the job." });
        return;
      case "failed":
        leaveEngine(job, { type: "failed", code: event.code, message: event.message, details: event.details });
        return;
    }
  }

  function onStarted(job: Job, event: Extract<JobEvent, { type: "started" }>): void {
    job.state = transition(job.state, { type: "started", slot: event.slot });
    job.startedAt = clock.now();
    job.counts.promptTokens = event.promptTokens;
    job.counts.cachedTokens = event.cachedTokens;
    lifecycle.started(job);
    appendStatus(job, "thinking");
    job.log.append({
      type: "started",
      ...streamKeys(job),
      model: options.model(),
      prompt_tokens: event.promptTokens,
      cached_tokens: event.cachedTokens,
      queue_ms: Math.max(0, Math.round((job.startedAt - job.acceptedAt) * 1000) / 1000),
    });
  }

  function onToken(job: Job, event: Extract<JobEvent, { type: "token" }>): void {
    const now = clock.now();
    const first = job.firstTokenAt === undefined;
    if (first) {
      job.firstTokenAt = now;
      job.state = transition(job.state, { type: "first_token" });
      job.counts.prefillMs = event.tMs;
    }
    options.onTokens?.(job, event.n, first ? undefined : event.tMs - job.counts.prefillMs - job.counts.decodeMs);
    job.counts.decodeMs = event.tMs - job.counts.prefillMs;
    job.counts.completionTokens += event.n;
    job.log.append({
      type: "token",
      ...streamKeys(job),
      index: event.index,
      text: event.text,
      t_ms: event.tMs,
      ...(event.n > 1 ? { n: event.n } : {}),
    });
  }

  /** The engine has let go of the job's slot. */
  function leaveEngine(job: Job, outcome: Outcome): void {
    inEngine.delete(job.uid);
    if (!isFinal(job.state.name)) finalize(job, outcome, true);
    if (job.ticket !== undefined) queue.finished(job.ticket);
    checkIdle();
  }

  // ---- ending -------------------------------------------------------------------------------------------------------

  /** The first end that is asked for counts. What the engine holds ends when it lets go, or is forced after a while. */
  function requestEnd(job: Job, outcome: Outcome): void {
    if (isFinal(job.state.name) || job.ending !== undefined) return;
    job.ending = outcome;
    switch (job.place) {
      case "queue":
        queue.remove(job.uid);
        break;
      case "next":
        next = next.filter((entry) => entry !== job);
        if (job.ticket !== undefined) queue.finished(job.ticket);
        break;
      case "successor":
        if (job.predecessor !== undefined) job.predecessor.successor = undefined;
        job.predecessor = undefined;
        successors -= 1;
        break;
      case "engine":
        engine.send({ type: "cancel", jobId: job.uid });
        setTimer(job, "force", limits.supersedeTimeoutMs, () => finalize(job, outcome, false));
        return;
      case "left":
        break;
    }
    finalize(job, outcome, true);
  }

  /** The one place where a job ends. `cleanly`: its slot is free, or it never had one. */
  function finalize(job: Job, outcome: Outcome, cleanly: boolean): void {
    job.state = transition(job.state, outcome);
    job.endedAt = clock.now();
    if (job.place !== "engine") job.place = "left";
    for (const timer of job.timers.values()) timer.cancel();
    job.timers.clear();
    announced.delete(job);
    job.log.append(terminalEventOf(job, outcome, job.endedAt));
    if (job.sessionKey !== undefined) sessions.release(job.sessionKey, job.uid);
    lifecycle.ended(job, outcome);
    registry.retire(job);
    handOver(job, cleanly);
    job.ended.resolve();
    positions.changed();
    checkIdle();
    if (!cleanly) pump();
  }

  function handOver(job: Job, cleanly: boolean): void {
    const heir = job.successor;
    if (heir === undefined) return;
    job.successor = undefined;
    heir.predecessor = undefined;
    heir.ticket = job.ticket;
    job.ticket = undefined;
    heir.place = "next";
    successors -= 1;
    next.push(heir);
    lifecycle.predecessorLeft(heir, cleanly);
  }

  function onEngineLost(error: WaggleError): void {
    checks.abandon();
    const held = [...inEngine.values()];
    inEngine.clear();
    const again: Job[] = [];
    for (const job of held) {
      if (isFinal(job.state.name)) {
        if (job.ticket !== undefined) queue.finished(job.ticket);
      } else if (job.state.name === "queued" && job.ending === undefined) {
        job.place = "next";
        again.push(job);
      } else {
        job.place = "left";
        finalize(job, job.ending ?? { type: "failed", code: error.code, message: error.message }, true);
        if (job.ticket !== undefined) queue.finished(job.ticket);
      }
    }
    next = [...again, ...next];
    for (const job of registry.liveJobs()) appendStatus(job, "loading");
    checkIdle();
  }

  function endWaiting(error: WaggleError): void {
    for (const job of registry.liveJobs()) {
      if (job.place !== "engine") requestEnd(job, { type: "failed", code: error.code, message: error.message });
    }
  }

  // ---- readers ------------------------------------------------------------------------------------------------------

  function openReader(job: Job, after: number, onStalled: () => void): Reader {
    job.readers += 1;
    clearTimer(job, "unclaimed");
    clearTimer(job, "grace");
    return createReader({
      log: job.log,
      streamId: job.id,
      sessionId: job.request.session_id,
      after,
      clock,
      pingIntervalMs: limits.pingIntervalMs,
      stallTimeoutMs: limits.readerStallTimeoutMs,
      onStalled: () => {
        options.onReaderCutOff?.();
        onStalled();
      },
      onClose: () => {
        job.readers -= 1;
        if (job.readers === 0) onLastReaderGone(job);
      },
    });
  }

  function onLastReaderGone(job: Job): void {
    if (isFinal(job.state.name) || job.request.on_disconnect === "continue") return;
    if (job.direct) requestEnd(job, { type: "cancelled", by: "disconnect" });
    else {
      setTimer(job, "grace", limits.reconnectGraceMs, () => requestEnd(job, { type: "cancelled", by: "disconnect" }));
    }
  }

  // ---- positions, timers, odds and ends -----------------------------------------------------------------------------

  function position(job: Job): number | undefined {
    if (isFinal(job.state.name)) return undefined;
    switch (job.place) {
      case "queue":
        return next.length + (queue.position(job.uid) ?? 1);
      case "next":
        return next.indexOf(job) + 1;
      case "successor":
        return 1;
      case "engine":
      case "left":
        return 0;
    }
  }

  function announce(job: Job): void {
    const place = position(job);
    if (place === undefined || announced.get(job) === place || job.startedAt !== undefined) return;
    announced.set(job, place);
    job.log.append({ type: "queued", ...streamKeys(job), position: place });
    positions.changed();
  }

  function announcePositions(): void {
    const order = [...queue.ids()];
    for (const job of announced.keys()) {
      if (job.startedAt !== undefined) announced.delete(job);
      else if (job.place !== "queue") announce(job);
    }
    for (const [index, uid] of order.entries()) {
      const job = registry.live(uid);
      const place = next.length + index + 1;
      if (job === undefined || announced.get(job) === place) continue;
      announced.set(job, place);
      job.log.append({ type: "queued", ...streamKeys(job), position: place });
    }
  }

  function appendStatus(job: Job, status: StatusEvent["status"]): void {
    if (isFinal(job.state.name)) return;
    lifecycle.status(job, status);
    job.log.append({ type: "status", ...streamKeys(job), status });
  }

  function startTimers(job: Job): void {
    const { deadline_ms: deadlineMs, on_disconnect: onDisconnect } = job.request;
    if (deadlineMs !== undefined) {
      setTimer(job, "deadline", deadlineMs, () => {
        const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
        requestEnd(job, { type: "failed", code: "deadline_exceeded", message });
      });
    }
    if (onDisconnect === "cancel") {
      setTimer(job, "unclaimed", limits.unclaimedTimeoutMs, () =>
        requestEnd(job, { type: "cancelled", by: "unclaimed" }),
      );
    }
  }

  function setTimer(job: Job, name: JobTimer, ms: number, run: () => void): void {
    clearTimer(job, name);
    job.timers.set(name, clock.setTimeout(run, ms));
  }

  function clearTimer(job: Job, name: JobTimer): void {
    job.timers.get(name)?.cancel();
    job.timers.delete(name);
  }

  function checkIdle(): void {
    if (registry.liveCount > 0) return;
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  return {
    submit,
    position,
    cancel: (job, by) => requestEnd(job, { type: "cancelled", by }),
    sessionJob: (client, sessionId) => current(`${client} ${sessionId}`),
    openReader,
    onEngineEvent,
    onEngineReady: pump,
    onEngineLost,
    refuse(error) {
      refusal = error;
      endWaiting(error);
    },
    abort(error) {
      refusal = error;
      endWaiting(error);
      for (const job of registry.liveJobs()) {
        finalize(job, job.ending ?? { type: "failed", code: error.code, message: error.message }, true);
      }
    },
    idle() {
      if (registry.liveCount === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
    get waiting() {
      return queue.depth + next.length + successors;
    },
    get running() {
      return inEngine.size;
    },
    stop() {
      positions.stop();
      registry.clear();
    },
  };
}

function queueKey(job: Job): { id: string; priority: number; client: string; flow: string } {
  return { id: job.uid, priority: job.request.priority, client: job.client, flow: job.request.session_id ?? "" };
}

function countsOf(totals: Job["counts"]): Job["counts"] {
  const { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs } = totals;
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs };
}

function engineJobOf(uid: string, request: GenerateRequest, client: string): EngineJob {
  return {
    jobId: uid,
    ...(request.prompt === undefined ? {} : { prompt: request.prompt }),
    ...(request.messages === undefined ? {} : { messages: request.messages }),
    ...(request.max_tokens === undefined ? {} : { maxTokens: request.max_tokens }),
    stop: stopStringsOf(request),
    sampling: samplingOf(request),
    cacheScope: client,
    ...(request.session_id === undefined ? {} : { sessionId: request.session_id }),
  };
}
