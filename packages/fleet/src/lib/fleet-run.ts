// Owns one job of the fleet on this worker: it is taken over from whoever had it, runs like any other, and tells the fleet what it says.
import { randomUUID } from "node:crypto";
import type { JobEvent, SaidTokens } from "@waggle/engine";
import type { JobSpec, Outcome } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import { isCancelled } from "./cancels.ts";
import type { FleetConnection } from "./connection.ts";
import { readHistory, type JobHistory } from "./event-history.ts";
import { createEventWriter, type EventWriter } from "./event-writer.ts";
import type { TakenJob } from "./job-queue.ts";
import { subjects } from "./names.ts";
import type { FleetJob } from "./records.ts";
import type { Move, RunnableModel } from "./worker-port.ts";

/** How often NATS hears that the job is being worked on; it waits for five seconds. */
const workingIntervalMs = 2_000;
/** How often all that was told is told again: records stay for two minutes. */
const repeatIntervalMs = 45_000;
/** Before another worker looks at a job that this one cannot go on with. */
const elsewhereAfterMs = 500;
/** Workers in a row that may be lost with a job that has said nothing new meanwhile. */
const mostSilentWorkers = 8;
/** How long a job that has begun waits for a worker with its file, from its last word on. */
const longestWaitForFileMs = 30_000;
/** Of what is still to be told when the job goes to another worker. */
const handOverTimeoutMs = 500;
/** Of the attempt's UUID, in the id that the job has on this worker. */
const localIdDigits = 8;

export interface FleetRunOptions {
  readonly taken: TakenJob;
  readonly model: RunnableModel;
  readonly worker: string;
  readonly connection: FleetConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onMoved: (how: Move) => void;
  /** It can be taken again after so long; `refused`: this worker had better leave it to another one. Called before `onGone`. */
  readonly onGivenBack: (afterMs: number, refused: boolean) => void;
  /** This worker has nothing to do with it any more. */
  readonly onGone: () => void;
}

export interface FleetRun {
  readonly job: FleetJob;
  /** The model knows of it, and counts its slot. */
  readonly submitted: boolean;
  /** It is to end, and its end is told. */
  cancel(): void;
  /** Another worker may go on with it as if nothing had been. */
  readonly mayMove: boolean;
  /** Another worker goes on with it. Resolves when this one is through with it, or after half a second. */
  handOver(): Promise<void>;
}

/** Begins at once. Its end is `onGone`, whatever happens. */
export function startFleetRun(options: FleetRunOptions): FleetRun {
  const { taken, model, connection, clock } = options;
  const { job } = taken;
  const log = options.log.child({ job: job.id });
  const attempt = randomUUID();
  let writer: EventWriter | undefined;
  let local: { cancel(): void } | undefined;
  let cancelled = false;
  let gone = false;
  /** Of this run alone; the end is told once. */
  let ended = false;
  let events = 0;
  /** All tokens of the answer so far, for who goes on with it. */
  const ids: number[] = [];
  let repeatedAt = clock.now();
  let timer: TimerHandle | undefined;
  let finished: () => void;
  const whenGone = new Promise<void>((resolve) => (finished = resolve));

  function keep(): void {
    taken.working();
    timer = clock.setTimeout(keep, workingIntervalMs);
    if (ended || clock.now() - repeatedAt < repeatIntervalMs) return;
    repeatedAt = clock.now();
    writer?.repeat(said());
  }

  const said = (): SaidTokens => ({ ids: [...ids], events });

  function leave(): void {
    if (gone) return;
    gone = true;
    timer?.cancel();
    writer?.stop();
    options.onGone();
    finished();
  }

  function giveBack(afterMs: number, refusing: boolean): void {
    taken.giveBack(afterMs);
    options.onGivenBack(afterMs, refusing);
    leave();
  }

  async function begin(): Promise<void> {
    const connected = connection.use();
    const subject = subjects.events(job.gateway, job.id);
    // Also of a job that nobody has had from this queue: it may have been in another one.
    const [isOver, history] = await Promise.all([isCancelled(connected, job.id), readHistory(connected, subject)]);
    if (gone || ended) return;
    if (history.ended) return await acknowledge();
    const refusal = refusalOf(job, history) ?? refusalOfFile(history);
    if (refusal === undefined && isOfAnotherFile(history)) {
      log.info({ model: model.name }, "fleet_job_for_another_file");
      return giveBack(elsewhereAfterMs, false);
    }
    take(subject, history);
    // Of a job that others have had it is not sure that they have given it up, and nobody is to compute for nothing.
    if (history.last > 0) await writer?.flushed();
    if (gone || ended) return;
    if (isOver || cancelled) return end(nothingDone(job.id));
    if (refusal !== undefined) return end({ type: "failed", jobId: job.id, ...refusal });
    await run(history);
  }

  function take(subject: string, history: JobHistory): void {
    writer = createEventWriter({
      connection,
      subject,
      after: history.last,
      fence: { kind: "fence", attempt, worker: options.worker, ...model.file() },
      onLost() {
        options.onMoved("lost");
        log.info("fleet_job_lost_to_another_worker");
        ended = true;
        local?.cancel();
        leave();
      },
      onTooLarge(bytes, mostBytes) {
        const message = `Cannot tell what the job has said: it has ${bytes} bytes, compressed, and NATS takes ${mostBytes} (max_payload).`;
        local?.cancel();
        end({ type: "failed", jobId: job.id, code: "payload_too_large", message });
      },
    });
    ({ events } = history.said);
    for (const id of history.said.ids) ids.push(id);
    if (!hasBegun(history)) return;
    options.onMoved("continued");
    log.info({ tokens: ids.length, texts: history.computed }, "fleet_job_continued");
  }

  async function run(history: JobHistory): Promise<void> {
    // Each attempt has its own local id: what an earlier attempt left here may still be ending.
    const spec = { ...job.spec, id: `${job.id}.${attempt.slice(0, localIdDigits)}` };
    const resumed = resumedSpec(spec, history);
    try {
      local = await model.run(resumed, { event: tell, engineLost, ended: onEnded });
      if (cancelled || gone) local.cancel();
    } catch (thrown) {
      refused(WaggleError.from(thrown));
    }
  }

  /** This worker does not finish it, and that is nothing of the job's. */
  async function leaveToOthers(afterMs: number): Promise<void> {
    ended = true;
    local?.cancel();
    writer?.left(said());
    if (writer !== undefined) await within(writer.flushed(), handOverTimeoutMs);
    // Another one may have it by now, and is not to lose it by our word.
    if (!gone) giveBack(afterMs, afterMs > 0);
  }

  async function within(wait: Promise<void>, ms: number): Promise<void> {
    let limit: TimerHandle | undefined;
    await Promise.race([wait, new Promise<void>((done) => (limit = clock.setTimeout(done, ms)))]);
    limit?.cancel();
  }

  /** What is wrong with this worker now, another one need not have. */
  function refused(error: WaggleError): void {
    if (ended) return;
    if (error.code === "unavailable" || error.code === "resource_exhausted")
      return void leaveToOthers(elsewhereAfterMs);
    const { code, message, details } = error;
    end({ type: "failed", jobId: job.id, code, message, ...(details === undefined ? {} : { details }) });
  }

  function tell(event: JobEvent): void {
    if (ended) return;
    if (event.type === "token") {
      events = event.index + 1;
      for (const id of event.ids) ids.push(id);
    }
    if (event.type === "finished" || event.type === "cancelled" || event.type === "failed") end(event);
    else writer?.write([event]);
  }

  function engineLost(inARow: number): void {
    if (!ended) writer?.engineLost(inARow);
  }

  function onEnded(outcome: Outcome): void {
    if (ended) return;
    if (outcome.type !== "failed") return end(nothingDone(job.id));
    const { code, message, details } = outcome;
    if (code === "unavailable") return void leaveToOthers(elsewhereAfterMs);
    end({ type: "failed", jobId: job.id, code, message, ...(details === undefined ? {} : { details }) });
  }

  /** Once its end is on disk, it leaves the queue. */
  function end(event: JobEvent): void {
    ended = true;
    writer?.write([event]);
    void writer?.flushed().then(acknowledge);
  }

  async function acknowledge(): Promise<void> {
    if (gone) return;
    await taken.done();
    leave();
  }

  /** It has begun with another file; a worker that has that one goes on with it. */
  function isOfAnotherFile(history: JobHistory): boolean {
    const { file } = history;
    const { modelSha256, templateSha256 } = model.file();
    return hasBegun(history) && (modelSha256 !== file?.modelSha256 || templateSha256 !== file.templateSha256);
  }

  function refusalOfFile(history: JobHistory): Refusal | undefined {
    if (!isOfAnotherFile(history) || Date.now() - history.lastAt <= longestWaitForFileMs) return undefined;
    return engineFailed("The worker was lost, and no other one serves the model from the same file.");
  }

  keep();
  begin().catch((error: unknown) => {
    log.warn({ err: error }, "fleet_job_not_taken");
    if (!gone) giveBack(elsewhereAfterMs, true);
  });

  return {
    job,
    get submitted() {
      return local !== undefined;
    },
    cancel() {
      cancelled = true;
      local?.cancel();
    },
    get mayMove() {
      return job.onWorkerLoss === "resume" || events === 0;
    },
    async handOver() {
      // Its end is being told.
      if (ended) return await within(whenGone, handOverTimeoutMs);
      options.onMoved("handed_over");
      log.info({ tokens: ids.length }, "fleet_job_handed_over");
      await leaveToOthers(0);
    },
  };
}

interface Refusal {
  readonly code: "engine_failed";
  readonly message: string;
}

function engineFailed(message: string): Refusal {
  return { code: "engine_failed", message };
}

/** Why nobody may go on with it, if so. */
function refusalOf(job: FleetJob, history: JobHistory): Refusal | undefined {
  const { said, file, incomplete, silentWorkers } = history;
  if (said.events > 0 && job.onWorkerLoss === "error")
    return engineFailed("The worker was lost in the middle of the answer.");
  if (incomplete) return engineFailed("The worker was lost, and what it had said is not kept any more.");
  if (hasBegun(history) && file?.modelSha256 == null)
    return engineFailed("The worker was lost, and nobody knows from which file it had served the model.");
  if (silentWorkers < mostSilentWorkers) return undefined;
  return engineFailed(`${silentWorkers} workers in a row were lost with the job, and it said nothing new meanwhile.`);
}

/** Tokens or vectors of it are known. */
function hasBegun({ said, computed }: JobHistory): boolean {
  return said.events > 0 || computed > 0;
}

function resumedSpec(spec: JobSpec, { said, computed, silentDeaths }: JobHistory): JobSpec {
  const enginesLost = silentDeaths > 0 ? { enginesLost: silentDeaths } : {};
  if (spec.kind !== "generate") return { ...spec, ...enginesLost, ...(computed > 0 ? { computed } : {}) };
  return { ...spec, ...enginesLost, ...(said.events > 0 ? { said } : {}) };
}

function nothingDone(jobId: string): JobEvent {
  const counts = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 };
  return { type: "cancelled", jobId, steps: 0, ...counts };
}
