// Owns the way of a job from acceptance to its one terminal event, and is the only one to change a job. It never awaits a client, and
// nothing in it waits under a lock: each function runs to its end in one turn, but for the one question to the engine before acceptance.
import { randomUUID } from "node:crypto";
import { deferred } from "@waggle/async";
import type { Clock } from "@waggle/async";
import type { EngineCommand, EngineEvent, JobEvent } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { GenerateRequest, StatusEvent } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import { createChecks } from "./checks.ts";
import { engineJobOf } from "./engine-job.ts";
import { createJobTimers } from "./job-timers.ts";
import { isFinal, transition } from "./job.ts";
import type { Job, Outcome } from "./job.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createPositions } from "./positions.ts";
import type { JobRegistry } from "./registry.ts";
import { createReader } from "./reader.ts";
import type { Reader } from "./reader.ts";
import { createReplayLog } from "./replay-log.ts";
import { streamKeys, terminalEventOf } from "./summaries.ts";
import { createWaitingLine } from "./waiting-line.ts";

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

/** How long the engine's checks may hold an answer back (wire.md). */
const checkTimeoutMs = 80;

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
  /** @param onStalled called when the reader must be cut off without having asked for more; must destroy its connection */
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
  const { registry, sessions, engine, lifecycle, clock, limits } = options;
  const line = createWaitingLine(options.queue);
  const timers = createJobTimers(clock);
  const checks = createChecks({ send: (command) => engine.send(command), clock, timeoutMs: checkTimeoutMs });
  const positions = createPositions({ clock, positionOf: position });
  /** What the engine holds, by uid: also jobs whose end was forced while it still cleans up after them. */
  const inEngine = new Map<string, Job>();
  let refusal: WaggleError | undefined;
  let idleWaiters: (() => void)[] = [];
  let serial = 0;

  // ---- admission ----------------------------------------------------------------------------------------------------

  async function submit(submission: Submission): Promise<Job> {
    const uid = `j${(serial += 1)}`;
    refuseEarly(submission);
    if (engine.ready) await checks.ask(engineJobOf(uid, submission.request, submission.client));
    // The world may have moved while the engine was asked; from here on nothing waits.
    refuseEarly(submission);
    const job = createJob(submission, uid);
    admit(job);
    registry.add(job);
    lifecycle.accepted(job);
    startTimers(job);
    pump();
    positions.follow(job);
    if (!engine.ready) appendStatus(job, "loading");
    return job;
  }

  function refuseEarly(submission: Submission): void {
    const { request, client } = submission;
    if (refusal !== undefined) throw refusal;
    if (request.job_id !== undefined && registry.has(client, request.job_id)) {
      throw new WaggleError("conflict", `Cannot accept job ${request.job_id}: that job_id is taken.`);
    }
    // Who supersedes takes a place that is already taken, so a full queue is none of its business.
    if (line.full && holderOf(sessionKeyOf(submission)) === undefined) throw line.refusal();
  }

  function createJob(submission: Submission, uid: string): Job {
    const { request, client, trace, direct } = submission;
    return {
      uid,
      id: request.job_id ?? `job-${randomUUID()}`,
      client,
      trace,
      request,
      sessionKey: sessionKeyOf(submission),
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
    const old = holderOf(job.sessionKey);
    if (old === undefined) line.join(job);
    else {
      line.replace(old, job);
      requestEnd(old, { type: "cancelled", by: "superseded" });
    }
    if (job.sessionKey !== undefined) sessions.claim(job.sessionKey, job.uid);
  }

  function holderOf(sessionKey: string | undefined): Job | undefined {
    if (sessionKey === undefined) return undefined;
    const uid = sessions.current(sessionKey);
    return uid === undefined ? undefined : registry.live(uid);
  }

  // ---- running ------------------------------------------------------------------------------------------------------

  /** Gives free slots to waiting jobs. */
  function pump(): void {
    while (engine.ready && inEngine.size < engine.slots) {
      const job = line.take();
      if (job === undefined) break;
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
    // Its end was forced: all that is left to hear is that the engine has let go.
    const over = isFinal(job.state.name);
    switch (event.type) {
      case "started":
        if (!over) onStarted(job, event);
        return;
      case "token":
        if (!over) onToken(job, event);
        return;
      case "finished":
        if (!over) job.counts = countsOf(event);
        leaveEngine(job, { type: "finished", reason: event.reason });
        return;
      case "cancelled":
        lifecycle.cancelled(event.steps);
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
    const { counts } = job;
    if (job.firstTokenAt === undefined) {
      job.firstTokenAt = clock.now();
      job.state = transition(job.state, { type: "first_token" });
      counts.prefillMs = event.tMs;
      lifecycle.firstToken(job, event.n);
    } else {
      lifecycle.nextToken(event.n, event.tMs - counts.prefillMs - counts.decodeMs);
      counts.decodeMs = event.tMs - counts.prefillMs;
    }
    counts.completionTokens += event.n;
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
    job.place = "left";
    if (!isFinal(job.state.name)) finalize(job, outcome, true);
    line.settle(job);
  }

  // ---- ending -------------------------------------------------------------------------------------------------------

  /** The first end that is asked for counts. What the engine holds ends when it lets go, or is forced after a while. */
  function requestEnd(job: Job, outcome: Outcome): void {
    if (isFinal(job.state.name) || job.ending !== undefined) return;
    job.ending = outcome;
    if (job.place === "engine") {
      engine.send({ type: "cancel", jobId: job.uid });
      timers.set(job, "force", limits.supersedeTimeoutMs, () => {
        finalize(job, outcome, false);
        pump();
      });
    } else {
      line.leave(job);
      finalize(job, outcome, true);
    }
  }

  /** The one place where a job ends. `cleanly`: its slot is free, or it never had one. */
  function finalize(job: Job, outcome: Outcome, cleanly: boolean): void {
    job.state = transition(job.state, outcome);
    job.endedAt = clock.now();
    timers.clearAll(job);
    job.log.append(terminalEventOf(job, outcome, job.endedAt));
    if (job.sessionKey !== undefined) sessions.release(job.sessionKey, job.uid);
    lifecycle.ended(job, outcome);
    registry.retire(job);
    const heir = line.promoteHeir(job);
    if (heir !== undefined) lifecycle.predecessorLeft(heir, cleanly);
    job.ended.resolve();
    positions.changed();
    tellIdle();
  }

  function onEngineLost(error: WaggleError): void {
    checks.abandon();
    const held = [...inEngine.values()];
    inEngine.clear();
    const unbegun = held.filter((job) => job.state.name === "queued" && job.ending === undefined);
    line.putBack(unbegun);
    for (const job of held) {
      if (job.place !== "engine") continue;
      job.place = "left";
      if (!isFinal(job.state.name)) finalize(job, job.ending ?? failureOf(error), true);
      line.settle(job);
    }
    for (const job of registry.liveJobs()) appendStatus(job, "loading");
  }

  function endWaiting(error: WaggleError): void {
    for (const job of registry.liveJobs()) if (job.place !== "engine") requestEnd(job, failureOf(error));
  }

  function tellIdle(): void {
    if (registry.liveCount > 0) return;
    const waiters = idleWaiters;
    idleWaiters = [];
    for (const resolve of waiters) resolve();
  }

  // ---- readers and timers -------------------------------------------------------------------------------------------

  function openReader(job: Job, after: number, onStalled: () => void): Reader {
    job.readers += 1;
    timers.clear(job, "unclaimed");
    timers.clear(job, "grace");
    return createReader({
      log: job.log,
      streamId: job.id,
      sessionId: job.request.session_id,
      after,
      clock,
      pingIntervalMs: limits.pingIntervalMs,
      stallTimeoutMs: limits.readerStallTimeoutMs,
      onCutOff: lifecycle.readerCutOff,
      onStalled,
      onClose: () => {
        job.readers -= 1;
        if (job.readers === 0) onLastReaderGone(job);
      },
    });
  }

  function onLastReaderGone(job: Job): void {
    if (isFinal(job.state.name) || job.request.on_disconnect === "continue") return;
    const end = (): void => requestEnd(job, { type: "cancelled", by: "disconnect" });
    if (job.direct) end();
    else timers.set(job, "grace", limits.reconnectGraceMs, end);
  }

  function startTimers(job: Job): void {
    const { deadline_ms: deadlineMs, on_disconnect: onDisconnect } = job.request;
    if (deadlineMs !== undefined) {
      const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
      timers.set(job, "deadline", deadlineMs, () => requestEnd(job, { type: "failed", code: "deadline_exceeded", message }));
    }
    if (onDisconnect === "continue") return;
    timers.set(job, "unclaimed", limits.unclaimedTimeoutMs, () => requestEnd(job, { type: "cancelled", by: "unclaimed" }));
  }

  function position(job: Job): number | undefined {
    return isFinal(job.state.name) ? undefined : (line.position(job) ?? 0);
  }

  function appendStatus(job: Job, status: StatusEvent["status"]): void {
    lifecycle.status(job, status);
    job.log.append({ type: "status", ...streamKeys(job), status });
  }

  return {
    submit,
    position,
    cancel: (job, by) => requestEnd(job, { type: "cancelled", by }),
    sessionJob: (client, sessionId) => holderOf(`${client} ${sessionId}`),
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
      for (const job of registry.liveJobs()) finalize(job, job.ending ?? failureOf(error), true);
    },
    idle() {
      if (registry.liveCount === 0) return Promise.resolve();
      return new Promise((resolve) => idleWaiters.push(resolve));
    },
    get waiting() {
      return line.length;
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

/** Sessions of different clients never meet. Ids hold no spaces (protocol), so no two keys are alike by accident. */
function sessionKeyOf({ request, client }: Submission): string | undefined {
  return request.session_id === undefined ? undefined : `${client} ${request.session_id}`;
}

function failureOf({ code, message }: WaggleError): Outcome {
  return { type: "failed", code, message };
}

function countsOf({ promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs }: Job["counts"]): Job["counts"] {
  return { promptTokens, cachedTokens, completionTokens, prefillMs, decodeMs };
}
