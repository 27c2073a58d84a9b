// Runs one job of the fleet on this worker, from the start or from an earlier worker's output, and publishes the job's records.
import { randomUUID } from "node:crypto";
import { noTotals, type JobEvent, type PriorOutput } from "@waggle/engine";
import type { JobSpec, Outcome } from "@waggle/jobs";
import { errorOf, failureOf, WaggleError } from "@waggle/protocol";
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import { isCancelled } from "../queue/cancels.ts";
import type { FleetConnection } from "../nats/connection.ts";
import { readHistory, type JobHistory } from "../events/event-history.ts";
import { createEventWriter, type EventWriter } from "../events/event-writer.ts";
import type { TakenJob } from "../queue/job-queue.ts";
import { subjects } from "../nats/names.ts";
import type { FleetJob } from "../queue/records.ts";
import type { Move, RunnableModel } from "./worker-port.ts";

/** Interval of `working`. After five seconds without it, NATS gives the job to another worker. */
const workingIntervalMs = 2_000;
/** How often the whole output is published again: records stay for two minutes. */
const repeatIntervalMs = 45_000;
/** Delay before another worker may take a job that this worker cannot continue. */
const elsewhereAfterMs = 500;
/** A job fails after this many workers in a row were lost while they ran it, without new output. */
const mostSilentWorkers = 8;
/** How long a job with output waits for a worker with the same model file, counted from the job's last record. */
const longestWaitForFileMs = 30_000;
/** Time limit for publishing the last records when another worker gets the job. */
const handOverTimeoutMs = 500;
/** Digits of the attempt's UUID in the job's id on this worker. */
const localIdDigits = 8;

export interface FleetRunOptions {
  readonly taken: TakenJob;
  readonly model: RunnableModel;
  readonly worker: string;
  readonly connection: FleetConnection;
  readonly clock: Clock;
  readonly log: Logger;
  readonly onMoved: (how: Move) => void;
  /** The job can be taken again after `afterMs`. With `refused`, another worker should take it. Called before `onGone`. */
  readonly onGivenBack: (afterMs: number, refused: boolean) => void;
  /** Called when this worker has finished with the job. */
  readonly onGone: () => void;
}

export interface FleetRun {
  readonly job: FleetJob;
  /** Whether the model has accepted the job, so that the model's `free()` counts the job's slot. */
  readonly submitted: boolean;
  /** Ends the job and publishes its end. */
  cancel(): void;
  /** Whether another worker may continue the job. */
  readonly mayMove: boolean;
  /** Leaves the job to another worker. Resolves when this worker has finished with the job, or after half a second. */
  handOver(): Promise<void>;
}

/** Starts at once. Every run ends with a call of `onGone`. */
export function startFleetRun(options: FleetRunOptions): FleetRun {
  const { taken, model, connection, clock } = options;
  const { job } = taken;
  const log = options.log.child({ job: job.id });
  const attempt = randomUUID();
  let writer: EventWriter | undefined;
  let local: { cancel(): void } | undefined;
  let cancelled = false;
  let gone = false;
  /** Whether this run publishes the job's end, or has given the job up. */
  let ended = false;
  let events = 0;
  /** All tokens of the answer so far, for a worker that continues the job. */
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
    writer?.repeat(output());
  }

  const output = (): PriorOutput => ({ ids: [...ids], events });

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
    // Read the history even at the first delivery from this queue: the job may have been in another queue before.
    const [isOver, history] = await Promise.all([isCancelled(connected, job.id), readHistory(connected, subject)]);
    if (gone || ended) return;
    if (history.ended) return await acknowledge();
    const refusal = refusalOf(job, history) ?? refusalOfFile(history);
    if (refusal === undefined && isOfAnotherFile(history)) {
      log.info({ model: model.name }, "fleet_job_for_another_file");
      return giveBack(elsewhereAfterMs, false);
    }
    take(subject, history);
    // An earlier worker may still have the job: this worker computes only after its fence is written.
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
        const message = `Cannot publish the job's output: an event has ${bytes} bytes, compressed, and NATS takes ${mostBytes} (max_payload).`;
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
    // Each attempt has a separate local id: an earlier attempt on this worker may still be ending.
    const spec = { ...job.spec, id: `${job.id}.${attempt.slice(0, localIdDigits)}` };
    const resumed = resumedSpec(spec, history);
    try {
      local = await model.run(resumed, { event: onEvent, engineLost, ended: onEnded });
      if (cancelled || gone) local.cancel();
    } catch (thrown) {
      refused(WaggleError.from(thrown));
    }
  }

  /** Gives up the job because of a fault of this worker, not of the job. */
  async function leaveToOthers(afterMs: number): Promise<void> {
    ended = true;
    local?.cancel();
    writer?.left(output());
    if (writer !== undefined) await within(writer.flushed(), handOverTimeoutMs);
    // When `gone` is set, another worker may have the job already and must keep it.
    if (!gone) giveBack(afterMs, afterMs > 0);
  }

  async function within(wait: Promise<void>, ms: number): Promise<void> {
    let limit: TimerHandle | undefined;
    await Promise.race([wait, new Promise<void>((done) => (limit = clock.setTimeout(done, ms)))]);
    limit?.cancel();
  }

  /** The model refused the job. If the fault is this worker's, another worker may run the job. */
  function refused(error: WaggleError): void {
    if (ended) return;
    if (error.code === "unavailable" || error.code === "resource_exhausted")
      return void leaveToOthers(elsewhereAfterMs);
    end({ type: "failed", jobId: job.id, ...failureOf(error) });
  }

  function onEvent(event: JobEvent): void {
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
    if (outcome.code === "unavailable") return void leaveToOthers(elsewhereAfterMs);
    end({ type: "failed", jobId: job.id, ...failureOf(errorOf(outcome)) });
  }

  /** The job leaves the queue once its end is on disk. */
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

  /** Whether the job's output comes from another model file. Then a worker with that file must continue the job. */
  function isOfAnotherFile(history: JobHistory): boolean {
    const { file } = history;
    const { modelSha256, templateSha256 } = model.file();
    return hasBegun(history) && (modelSha256 !== file?.modelSha256 || templateSha256 !== file.templateSha256);
  }

  function refusalOfFile(history: JobHistory): Refusal | undefined {
    if (!isOfAnotherFile(history) || Date.now() - history.lastAt <= longestWaitForFileMs) return undefined;
    return engineFailed("The worker was lost, and no other worker serves the model from the same file.");
  }

  keep();
  begin().catch((error: unknown) => {
    log.warn({ err: error }, "fleet_take_failed");
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
      // The job's end is being published, so there is nothing to hand over.
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

/** The error if no worker may continue the job. */
function refusalOf(job: FleetJob, history: JobHistory): Refusal | undefined {
  const { said, file, incomplete, silentWorkers } = history;
  if (said.events > 0 && job.onWorkerLoss === "error")
    return engineFailed("The worker was lost in the middle of the answer.");
  if (incomplete) return engineFailed("The worker was lost, and the records of its output are too old.");
  if (hasBegun(history) && file?.modelSha256 == null)
    return engineFailed("The worker was lost, and the hash of its model's file is unknown.");
  if (silentWorkers < mostSilentWorkers) return undefined;
  return engineFailed(`${silentWorkers} workers in a row were lost with the job, without new output.`);
}

/** Whether the job has tokens or vectors. */
function hasBegun({ said, computed }: JobHistory): boolean {
  return said.events > 0 || computed > 0;
}

function resumedSpec(spec: JobSpec, { said, computed, silentDeaths }: JobHistory): JobSpec {
  const output = said.events > 0 ? said : undefined;
  return { ...spec, prior: { output, computed, enginesLost: silentDeaths } };
}

function nothingDone(jobId: string): JobEvent {
  return { type: "cancelled", jobId, steps: 0, ...noTotals };
}
