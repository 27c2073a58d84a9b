// Runs one job of the fleet on this worker, from the start or from an earlier worker's output, and publishes the job's records.
import { deferred, inBackground, type TimerHandle } from "@waggle/async";
import { noTotals, withPictures, type JobEvent, type Work } from "@waggle/engine";
import { addTokens, newOutput, type JobSpec, type Outcome } from "@waggle/jobs";
import { failureError, failureOf, WaggleError } from "@waggle/protocol";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import { siblingsOf } from "../members/siblings.ts";
import { readHistory, type JobHistory } from "../events/event-history.ts";
import { createEventWriter, type EventWriter } from "../events/event-writer.ts";
import { cancelOf } from "../queue/cancels.ts";
import type { TakenJob } from "../queue/job-queue.ts";
import { readPictures } from "../pictures/picture-store.ts";
import type { EndedBy, FleetJob } from "../queue/records.ts";
import { isActive, transition, type RunEvent, type RunState } from "./run-state.ts";
import type { Move, RunnableModel } from "./worker-port.ts";

const returning = "return a job to the fleet";

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
/** Digits of the attempt's id in the job's id on this worker. */
const localIdDigits = 8;

export interface FleetRunOptions extends MemberContext {
  readonly taken: TakenJob;
  readonly model: RunnableModel;
  readonly worker: string;
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
  /** Ends the job and publishes its end, with the reason. */
  cancel(by: EndedBy): void;
  /** Whether another worker may continue the job. */
  readonly mayMove: boolean;
  /** Leaves the job to another worker. Resolves when this worker has finished with the job, or after half a second. */
  handOver(): Promise<void>;
}

/** Starts at once. Every run ends with a call of `onGone`. */
export function startFleetRun(options: FleetRunOptions): FleetRun {
  const { taken, model, broker, clock } = options;
  const { job } = taken;
  const log = options.log.child({ job: job.id, stream_id: job.clientJob.id });
  const attempt = options.chance.id();
  let state: RunState = "active";
  let cancelledBy: EndedBy | undefined;
  /** Set from the claim on. */
  let writer: EventWriter | undefined;
  /** The job at this worker's model, once the model has accepted the job. */
  let local: { cancel(): void } | undefined;
  /** The answer so far, for a worker that continues the job. */
  let output = newOutput();
  let repeatedAt = clock.now();
  let timer: TimerHandle | undefined;
  const whenGone = deferred<void>();
  /** Aborts the reading of pictures. */
  const reading = new AbortController();

  function apply(event: RunEvent): void {
    state = transition(state, event);
    reading.abort(new WaggleError("cancelled", "The job has ended, or has left this worker."));
    if (event !== "leave") return;
    timer?.cancel();
    writer?.stop();
    options.onGone();
    whenGone.resolve();
  }

  function keep(): void {
    taken.working();
    timer = clock.setTimeout(keep, workingIntervalMs);
    if (!isActive(state) || clock.now() - repeatedAt < repeatIntervalMs) return;
    repeatedAt = clock.now();
    writer?.repeat(newOutput(output));
  }

  async function begin(): Promise<void> {
    const topic = topics.events(job.gateway, job.id);
    // Read the history even at the first delivery from this queue: the job may have been in another queue before.
    const [cancelled, history] = await Promise.all([cancelOf(broker, job.id), readHistory(broker, topic)]);
    if (!isActive(state)) return;
    if (history.ended) {
      apply("end");
      return await acknowledge();
    }
    const refusal = refusalOf(job, history) ?? (await refusalOfFile(history));
    if (!isActive(state)) return;
    if (refusal === undefined && isOfAnotherFile(history)) {
      log.info({ model: model.name }, "fleet_job_for_another_file");
      return await leaveToOthers({ refused: false });
    }
    if (cancelled !== undefined) {
      cancelledBy ??= cancelled;
      apply("cancel");
    }
    claim(topic, history);
    // An earlier worker may still have the job: this worker computes only after its fence is written.
    if (history.last > 0) await writer?.flushed();
    if (!isActive(state)) return;
    if (state === "cancelled") return end(nothingDone(job.id));
    if (refusal !== undefined) return end({ type: "failed", jobId: job.id, code: "engine_failed", message: refusal });
    const work = await readWork();
    if (work !== undefined) await submit(work, history);
  }

  function claim(topic: string, history: JobHistory): void {
    writer = createEventWriter({
      broker,
      clock,
      topic,
      after: history.last,
      fence: { kind: "fence", attempt, worker: options.worker, ...model.file() },
      onLost() {
        options.onMoved("lost");
        log.info("fleet_job_lost_to_another_worker");
        apply("leave");
        local?.cancel();
      },
      onStuck(reason) {
        log.error({ reason }, "fleet_records_refused");
        local?.cancel();
        returnJob(elsewhereAfterMs, true);
      },
      onTooLarge(bytes, mostBytes) {
        const message = `Cannot publish the job's output: an event has ${bytes} bytes, compressed, and NATS takes ${mostBytes} (max_payload).`;
        const failed = { type: "failed", jobId: job.id, code: "payload_too_large", message } as const;
        if (isActive(state)) end(failed);
        // The event was the job's end, or waited when this worker left the job.
        else writer?.write([failed]);
        local?.cancel();
      },
    });
    ({ output } = history);
    if (!hasBegun(history)) return;
    options.onMoved("continued");
    log.info({ tokens: output.ids.length, texts: history.computed }, "fleet_job_continued");
  }

  /** The job's work with its pictures; undefined if this worker does not run the job after all. */
  async function readWork(): Promise<Work | undefined> {
    const { work } = job.spec;
    if (job.pictures === undefined) return work;
    try {
      const pictures = await readPictures(broker, job.pictures, reading.signal);
      if (state === "active") return withPictures(work, pictures);
    } catch (thrown) {
      if (state === "active") refused(WaggleError.from(thrown));
    }
    if (state === "cancelled") end(nothingDone(job.id));
    return undefined;
  }

  async function submit(work: Work, history: JobHistory): Promise<void> {
    // Each attempt has a separate local id: an earlier attempt on this worker may still be ending.
    const id = `${job.id}.${attempt.slice(0, localIdDigits)}`;
    const spec = { ...job.spec, id, who: { ...job.spec.who, streamId: job.clientJob.id }, work };
    const resumed = resumedSpec(spec, history);
    try {
      local = await model.run(resumed, { event: onEvent, engineLost, ended: onEnded });
    } catch (thrown) {
      return refused(WaggleError.from(thrown));
    }
    if (state !== "active") local.cancel();
  }

  /** Gives the job back after `afterMs`. By default this worker cannot run the job now, so another worker should take it. */
  async function leaveToOthers({ afterMs = elsewhereAfterMs, refused: isRefused = true } = {}): Promise<void> {
    apply("end");
    local?.cancel();
    writer?.giveBack(newOutput(output));
    if (writer !== undefined) await within(writer.flushed(), handOverTimeoutMs);
    returnJob(afterMs, isRefused);
  }

  function returnJob(afterMs: number, isRefused: boolean): void {
    // Another worker may have the job already, and must keep it.
    if (state === "gone") return;
    taken.giveBack(afterMs);
    options.onGivenBack(afterMs, isRefused);
    apply("leave");
  }

  async function within(wait: Promise<void>, ms: number): Promise<void> {
    let limit: TimerHandle | undefined;
    await Promise.race([wait, new Promise<void>((done) => (limit = clock.setTimeout(done, ms)))]);
    limit?.cancel();
  }

  /** The model refused the job. If the fault is this worker's, another worker may run the job. */
  function refused(error: WaggleError): void {
    if (!isActive(state)) return;
    if (error.code === "unavailable" || error.code === "resource_exhausted")
      return inBackground(returning, leaveToOthers());
    end({ type: "failed", jobId: job.id, ...failureOf(error) });
  }

  function onEvent(event: JobEvent): void {
    if (!isActive(state)) return;
    if (event.type === "token") addTokens(output, event.ids);
    if (event.type === "finished" || event.type === "cancelled" || event.type === "failed") end(event);
    else writer?.write([event]);
  }

  function engineLost(inARow: number): void {
    if (isActive(state)) writer?.engineLost(inARow);
  }

  function onEnded(outcome: Outcome): void {
    if (!isActive(state)) return;
    if (outcome.type !== "failed") return end(nothingDone(job.id));
    if (outcome.code === "unavailable") return inBackground(returning, leaveToOthers());
    end({ type: "failed", jobId: job.id, ...failureOf(failureError(outcome)) });
  }

  /** The job leaves the queue once its end is on disk. */
  function end(event: JobEvent): void {
    apply("end");
    writer?.write([event], event.type === "cancelled" ? cancelledBy : undefined);
    inBackground("end a job in the queue", writer?.flushed().then(acknowledge));
  }

  async function acknowledge(): Promise<void> {
    if (state === "gone") return;
    await taken.done();
    apply("leave");
  }

  /** Whether the job's output comes from another model file, or its pictures from another projector. Then a worker with these must continue the job. */
  function isOfAnotherFile(history: JobHistory): boolean {
    const { file } = history;
    const { modelSha256, templateSha256, vision } = model.file();
    if (!hasBegun(history)) return false;
    if (job.pictures !== undefined && vision !== file?.vision) return true;
    return modelSha256 !== file?.modelSha256 || templateSha256 !== file.templateSha256;
  }

  async function refusalOfFile(history: JobHistory): Promise<string | undefined> {
    // Both times are the broker's: the clock of this machine may be wrong.
    const ageMs = (broker.now() ?? history.lastAt) - history.lastAt;
    if (!isOfAnotherFile(history) || ageMs <= longestWaitForFileMs) return undefined;
    // The workers with this file may be busy.
    const files = new Map(history.file === undefined ? [] : [[job.model, history.file]]);
    if ((await siblingsOf(broker, options.worker, files)).canContinue(job)) return undefined;
    const file = job.pictures === undefined ? "file" : "file and projector";
    return `The worker was lost, and no other worker serves the model from the same ${file}.`;
  }

  keep();
  begin().catch((error: unknown) => {
    log.warn({ err: error }, "fleet_take_failed");
    if (isActive(state)) inBackground(returning, leaveToOthers());
  });

  return {
    job,
    get submitted() {
      return local !== undefined;
    },
    cancel(by) {
      cancelledBy ??= by;
      apply("cancel");
      local?.cancel();
    },
    get mayMove() {
      return job.onWorkerLoss === "resume" || output.events === 0;
    },
    async handOver() {
      if (!isActive(state)) return await within(whenGone.promise, handOverTimeoutMs);
      options.onMoved("handed_over");
      log.info({ tokens: output.ids.length }, "fleet_job_handed_over");
      await leaveToOthers({ afterMs: 0, refused: false });
    },
  };
}

/** Why no worker may continue the job; undefined if one may. */
function refusalOf(job: FleetJob, history: JobHistory): string | undefined {
  const { output, file, incomplete, silentWorkers } = history;
  if (output.events > 0 && job.onWorkerLoss === "error") return "The worker was lost in the middle of the answer.";
  if (incomplete) return "The worker was lost, and the records of its output are too old.";
  if (hasBegun(history) && file?.modelSha256 == null)
    return "The worker was lost, and the hash of its model's file is unknown.";
  if (silentWorkers < mostSilentWorkers) return undefined;
  return `${silentWorkers} workers in a row were lost with the job, without new output.`;
}

/** Whether the job has tokens or vectors. */
function hasBegun({ output, computed }: JobHistory): boolean {
  return output.events > 0 || computed > 0;
}

function resumedSpec(spec: JobSpec, { output, computed, enginesLost }: JobHistory): JobSpec {
  return { ...spec, prior: { output: output.events > 0 ? newOutput(output) : undefined, computed, enginesLost } };
}

function nothingDone(jobId: string): JobEvent {
  return { type: "cancelled", jobId, steps: 0, ...noTotals };
}
