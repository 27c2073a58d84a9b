// Owns one job of the fleet on this worker: it is taken over from whoever had it, runs like any other, and tells the fleet what it says.
import { randomUUID } from "node:crypto";
import type { JobEvent } from "@waggle/engine";
import type { Outcome } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import { isCancelled } from "./cancels.ts";
import type { FleetConnection } from "./connection.ts";
import { noHistory, readHistory, type JobHistory } from "./event-history.ts";
import { createEventWriter, type EventWriter } from "./event-writer.ts";
import type { TakenJob } from "./job-queue.ts";
import { subjects } from "./names.ts";
import type { FleetJob } from "./records.ts";
import type { RunnableModel } from "./worker-port.ts";

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

export interface FleetRunOptions {
  readonly taken: TakenJob;
  readonly model: RunnableModel;
  readonly worker: string;
  readonly connection: FleetConnection;
  readonly clock: Clock;
  readonly log: Logger;
  /** This worker has nothing to do with it any more. */
  readonly onGone: () => void;
}

export interface FleetRun {
  readonly job: FleetJob;
  /** The model knows of it, and counts its slot. */
  readonly submitted: boolean;
  /** It is to end, and its end is told. */
  cancel(): void;
  /** Another worker goes on with it. Resolves when this one is through with it. */
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
  let silentDeaths = 0;
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
    if (events === 0 || clock.now() - repeatedAt < repeatIntervalMs) return;
    repeatedAt = clock.now();
    writer?.repeat({ ids: [...ids], events });
  }

  function leave(): void {
    if (gone) return;
    gone = true;
    timer?.cancel();
    writer?.stop();
    options.onGone();
    finished();
  }

  async function begin(): Promise<void> {
    const connected = connection.use();
    const subject = subjects.events(job.gateway, job.id);
    const [isOver, history] = await Promise.all([
      isCancelled(connected, job.id),
      taken.redelivered ? readHistory(connected, subject) : noHistory,
    ]);
    if (gone) return;
    if (history.ended) return await acknowledge();
    if (mustGoElsewhere(history)) {
      log.info({ model: model.name }, "fleet_job_for_another_file");
      taken.giveBack(elsewhereAfterMs);
      return leave();
    }
    take(subject, history);
    const refusal = refusalOf(job, history);
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
        log.info("fleet_job_lost_to_another_worker");
        ended = true;
        local?.cancel();
        leave();
      },
    });
    ({ events } = history.said);
    for (const id of history.said.ids) ids.push(id);
    ({ silentDeaths } = history);
    if (events > 0) log.info({ tokens: ids.length }, "fleet_job_continued");
  }

  async function run(history: JobHistory): Promise<void> {
    const { spec } = job;
    const resumed = spec.kind === "generate" && history.said.events > 0 ? { ...spec, said: history.said } : spec;
    const counted = history.silentDeaths > 0 ? { ...resumed, enginesLost: history.silentDeaths } : resumed;
    try {
      local = await model.run(counted, { event: tell, engineLost, ended: onEnded });
      if (cancelled || gone) local.cancel();
    } catch (thrown) {
      refused(WaggleError.from(thrown));
    }
  }

  /** This worker cannot finish it, and that is nothing of the job's. */
  function leaveToOthers(): void {
    ended = true;
    void flushed().then(() => {
      taken.giveBack();
      leave();
    });
  }

  async function flushed(): Promise<void> {
    await Promise.race([writer?.flushed(), new Promise<void>((done) => clock.setTimeout(done, handOverTimeoutMs))]);
  }

  /** What is wrong with this worker now, another one need not have. */
  function refused(error: WaggleError): void {
    if (ended) return;
    if (error.code === "unavailable" || error.code === "resource_exhausted") return leaveToOthers();
    const { code, message, details } = error;
    end({ type: "failed", jobId: job.id, code, message, ...(details === undefined ? {} : { details }) });
  }

  function tell(event: JobEvent): void {
    if (ended) return;
    if (event.type === "token") {
      events = event.index + 1;
      for (const id of event.ids) ids.push(id);
      silentDeaths = 0;
    }
    if (event.type === "finished" || event.type === "cancelled" || event.type === "failed") end(event);
    else writer?.write([event]);
  }

  function engineLost(): void {
    if (ended) return;
    silentDeaths += 1;
    writer?.engineLost(silentDeaths);
  }

  function onEnded(outcome: Outcome): void {
    if (ended) return;
    if (outcome.type !== "failed") return end(nothingDone(job.id));
    const { code, message, details } = outcome;
    if (code === "unavailable") return leaveToOthers();
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
  function mustGoElsewhere(history: JobHistory): boolean {
    if (refusalOf(job, history) !== undefined || history.said.events === 0) return false;
    const { modelSha256, templateSha256 } = model.file();
    return modelSha256 !== history.file?.modelSha256 || templateSha256 !== history.file.templateSha256;
  }

  keep();
  begin().catch((error: unknown) => {
    log.warn({ err: error }, "fleet_job_not_taken");
    taken.giveBack(elsewhereAfterMs);
    leave();
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
    async handOver() {
      if (ended) return await whenGone;
      ended = true;
      local?.cancel();
      await flushed();
      taken.giveBack();
      log.info({ tokens: ids.length }, "fleet_job_handed_over");
      leave();
    },
  };
}

/** Why nobody may go on with it, if so. */
function refusalOf(job: FleetJob, history: JobHistory): { code: "engine_failed"; message: string } | undefined {
  const failed = (message: string) => ({ code: "engine_failed" as const, message });
  if (history.said.events > 0 && job.onWorkerLoss === "error")
    return failed("The worker was lost in the middle of the answer.");
  const { said, file, lastAt } = history;
  if (said.events > 0 && file?.modelSha256 == null) {
    return failed("The worker was lost, and nobody knows from which file it had served the model.");
  }
  if (said.events > 0 && Date.now() - lastAt > longestWaitForFileMs) {
    return failed("The worker was lost, and no other one serves the model from the same file.");
  }
  if (history.incomplete) return failed("The worker was lost, and what it had said is not kept any more.");
  if (history.silentWorkers >= mostSilentWorkers) {
    return failed(
      `${history.silentWorkers} workers in a row were lost with the job, and it said nothing new meanwhile.`,
    );
  }
  return undefined;
}

function nothingDone(jobId: string): JobEvent {
  const counts = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 };
  return { type: "cancelled", jobId, steps: 0, ...counts };
}
