// Owns the way of a job from acceptance to its one terminal event, and is the only one to change a job. It never awaits a client, and
// nothing in it waits under a lock: each function runs to its end in one turn, but for the one question to the engine before acceptance.
import type { Clock } from "@waggle/async";
import type { EngineCommand, EngineEvent, JobEvent } from "@waggle/engine";
import { WaggleError } from "@waggle/protocol";
import type { AdmissionQueue, SessionRegistry } from "@waggle/queue";
import { createChecks } from "./checks.ts";
import { engineJobOf } from "./engine-job.ts";
import { createJobTimers } from "./job-timers.ts";
import { createEmbedBridge } from "./embed-bridge.ts";
import type { EmbedBridge } from "./embed-bridge.ts";
import { createEndings, failureOf } from "./endings.ts";
import { isFinal } from "./job.ts";
import type { Job, JobPart, Outcome } from "./job.ts";
import { totalsOf } from "./totals.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { createJob, sessionKeyOf } from "./new-job.ts";
import type { Submission } from "./new-job.ts";
import { createPositions } from "./positions.ts";
import { createProgress } from "./progress.ts";
import type { JobRegistry } from "./registry.ts";
import { createQuestions } from "./questions.ts";
import type { Questions } from "./questions.ts";
import { createReaders } from "./readers.ts";
import type { Reader } from "./reader.ts";
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

export interface Dispatcher {
  /** @throws WaggleError invalid_argument, conflict, resource_exhausted, unavailable; then nothing has changed and nobody was disturbed */
  submit(submission: Submission): Promise<Job>;
  /** 1 is next, 0 is running; undefined once it has ended. */
  position(job: Job): number | undefined;
  /** Asks for the job's end and returns at once; `job.ended` tells when it is over. Idempotent. */
  cancel(job: Job, by: "client" | "disconnect" | "unclaimed"): void;
  /** Asks the engine something about the model. */
  readonly ask: Questions["ask"];
  readonly embed: EmbedBridge["embed"];
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
  const questions = createQuestions({ send: (command) => engine.send(command), ready: () => engine.ready, clock });
  const embeds = createEmbedBridge({ send: (command) => engine.send(command), ready: () => engine.ready });
  const positions = createPositions({ clock, positionOf: position });
  const progress = createProgress({ lifecycle, clock, model: options.model });
  const endings = createEndings({
    registry,
    sessions: options.sessions,
    line,
    timers,
    lifecycle,
    clock,
    forceAfterMs: limits.supersedeTimeoutMs,
    cancelInEngine(job) {
      for (const { uid } of job.parts) if (inEngine.has(uid)) engine.send({ type: "cancel", jobId: uid });
    },
    onEnded(cleanly) {
      positions.changed();
      if (!cleanly) pump();
    },
  });
  const readers = createReaders({ clock, timers, endings, lifecycle, limits });
  /** What the engine holds, by uid: also of jobs whose end was forced while it still cleans up after them. */
  const inEngine = new Map<string, { readonly job: Job; readonly part: JobPart }>();
  let refusal: WaggleError | undefined;
  let serial = 0;

  // ---- admission ----------------------------------------------------------------------------------------------------

  async function submit(submission: Submission): Promise<Job> {
    const uid = `j${(serial += 1)}`;
    refuseEarly(submission);
    if (engine.ready) await checks.ask(engineJobOf(uid, submission));
    // The world may have moved while the engine was asked; from here on nothing waits.
    refuseEarly(submission);
    const job = createJob(submission, uid, clock.now(), limits.replayBufferBytes);
    admit(job);
    registry.add(job);
    lifecycle.accepted(job);
    startTimers(job);
    pump();
    positions.follow(job);
    if (!engine.ready) progress.status(job, "loading");
    return job;
  }

  function refuseEarly(submission: Submission): void {
    const { request, client } = submission;
    if (refusal !== undefined) throw refusal;
    if (request.job_id !== undefined && registry.has(client, request.job_id)) {
      throw new WaggleError("conflict", `Cannot accept job ${request.job_id}: that job_id is taken.`);
    }
    const choices = submission.extras?.choices ?? 1;
    if (choices > engine.slots) {
      throw new WaggleError(
        "invalid_argument",
        `Cannot accept field "n": ${choices} choices need more than the ${engine.slots} slots.`,
      );
    }
    // Who supersedes takes a place that is already taken, so a full queue is none of its business.
    if (line.full && holderOf(sessionKeyOf(client, request.session_id)) === undefined) throw line.refusal();
  }

  /** Finds the job its place: in the queue, or where the job of its session stands that it supersedes. */
  function admit(job: Job): void {
    const old = holderOf(job.sessionKey);
    if (old === undefined) line.join(job);
    else {
      line.replace(old, job);
      endings.request(old, { type: "cancelled", by: "superseded" });
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
      if (inEngine.size + job.parts.length > engine.slots) {
        // All its choices begin together, so it waits for the slots it lacks, and nobody overtakes it.
        line.putBack([job]);
        break;
      }
      for (const part of job.parts) {
        inEngine.set(part.uid, { job, part });
        engine.send({ type: "submit", job: engineJobOf(part.uid, job, part.choice) });
      }
      positions.changed();
    }
  }

  function onEngineEvent(event: EngineEvent): void {
    switch (event.type) {
      case "preflight_ok":
      case "preflight_failed":
        checks.answer(event);
        break;
      case "query_result":
        questions.answer(event);
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
      case "prefix_store":
      case "process_stats":
        break;
    }
  }

  function onJobEvent(event: JobEvent): void {
    const entry = inEngine.get(event.jobId);
    if (embeds.take(event) || entry === undefined) return;
    const { job, part } = entry;
    // Its end was forced: all that is left to hear is that the engine has let go.
    const over = isFinal(job.state.name);
    switch (event.type) {
      case "started":
        if (!over && job.startedAt === undefined) progress.started(job, event);
        return;
      case "token":
        if (!over) progress.token(job, part.choice, event);
        return;
      case "embedding":
        return;
      case "finished":
        part.reason = event.reason;
        part.counts = event;
        letGo(job, part, { type: "finished", reason: event.reason });
        return;
      case "cancelled":
        lifecycle.cancelled(event.steps);
        part.counts = event;
        letGo(job, part, job.ending ?? { type: "failed", code: "internal", message: "The engine dropped the job." });
        return;
      case "failed":
        letGo(job, part, { type: "failed", code: event.code, message: event.message, details: event.details });
        return;
    }
  }

  /** The engine has let go of one part. The job is over with its last one; a part that fails takes the others with it. */
  function letGo(job: Job, part: JobPart, outcome: Outcome): void {
    inEngine.delete(part.uid);
    if (job.parts.some(({ uid }) => inEngine.has(uid))) {
      if (outcome.type !== "finished") endings.request(job, outcome);
      return;
    }
    if (!isFinal(job.state.name)) job.counts = totalsOf(job);
    const allFinished = job.parts.every(({ reason }) => reason !== undefined);
    endings.conclude(job, allFinished ? outcome : (job.ending ?? outcome));
  }

  function onEngineLost(error: WaggleError): void {
    checks.abandon();
    questions.abandon();
    embeds.abandon();
    const held = [...new Set([...inEngine.values()].map(({ job }) => job))];
    inEngine.clear();
    line.putBack(held.filter((job) => job.state.name === "queued" && job.ending === undefined));
    for (const job of held) {
      if (job.place === "engine") endings.conclude(job, job.ending ?? failureOf(error));
    }
    for (const job of registry.liveJobs()) progress.status(job, "loading");
  }

  function endWaiting(error: WaggleError): void {
    for (const job of registry.liveJobs()) if (job.place !== "engine") endings.request(job, failureOf(error));
  }

  // ---- odds and ends ------------------------------------------------------------------------------------------------

  function startTimers(job: Job): void {
    const { deadline_ms: deadlineMs, on_disconnect: onDisconnect } = job.request;
    if (deadlineMs !== undefined) {
      const message = `Cannot finish the job: its deadline of ${deadlineMs} ms has passed.`;
      timers.set(job, "deadline", deadlineMs, () =>
        endings.request(job, { type: "failed", code: "deadline_exceeded", message }),
      );
    }
    if (onDisconnect === "continue") return;
    timers.set(job, "unclaimed", limits.unclaimedTimeoutMs, () =>
      endings.request(job, { type: "cancelled", by: "unclaimed" }),
    );
  }

  function position(job: Job): number | undefined {
    return isFinal(job.state.name) ? undefined : (line.position(job) ?? 0);
  }

  return {
    submit,
    position,
    cancel: (job, by) => endings.request(job, { type: "cancelled", by }),
    ask: questions.ask,
    embed: embeds.embed,
    sessionJob: (client, sessionId) => holderOf(sessionKeyOf(client, sessionId)),
    openReader: readers.open,
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
      for (const job of registry.liveJobs()) endings.force(job, error);
    },
    idle: endings.idle,
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
