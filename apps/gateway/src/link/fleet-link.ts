// Runs jobs on the workers of a fleet: sequences become jobs in its queue, records become events of an engine. Knows no HTTP. Decision 092.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { noTotals } from "@waggle/engine";
import type { JobEvent } from "@waggle/engine";
import type { Ability, Chance, EndedBy, EventRecord, FleetJob, FleetModelFile, GatewaySide } from "@waggle/fleet";
import type { Executor, ExecutorOwner, Job, SequenceState, WorkerOf } from "@waggle/jobs";
import { failureOf, WaggleError, type CancelledBy } from "@waggle/protocol";
import { fleetJobOf } from "./fleet-job.ts";
import type { FleetJobOptions } from "./fleet-job.ts";
import { endedByOf, type JobNames } from "../jobs/job-names.ts";
import { createQuestions, type QuestionsOptions } from "./questions.ts";
import { createPublisher } from "./publisher.ts";
import type { PublisherOptions } from "./publisher.ts";
import { lostLimitMs, watchLostEntries } from "./lost-entries.ts";
import type { Outage } from "./outage.ts";
import { noWorkerLimitMs } from "./outage.ts";
import type { Affinity } from "./affinity.ts";
import { apply, createSequenceRun, phaseOf } from "./sequence-run.ts";
import type { SequenceRun } from "./sequence-run.ts";

const cancelling = "cancel a job in the fleet";

const checkIntervalMs = 1_000;
/** How long a cancelled job may take to end. After the first time the cancel is sent again: a connection that broke may have lost it. */
const [cancelAgainMs, cancelLimitMs] = [5_000, 30_000];

const dropped = { kind: "failed", failure: { code: "cancelled", message: "The query was dropped." } } as const;

/** A worker that serves the model and takes jobs for it now. */
export interface ServingWorker {
  readonly worker: string;
  readonly slots: number;
  readonly abilities: readonly Ability[];
}

export interface FleetLinkOptions extends FleetJobOptions, PublisherOptions {
  readonly model: string;
  readonly side: GatewaySide;
  readonly serving: () => readonly ServingWorker[];
  readonly contextSize: QuestionsOptions["contextSize"];
  readonly outage: Outage;
  /** The outage of the model for jobs with pictures. */
  readonly pictureOutage: Outage;
  readonly affinity: Affinity;
  readonly names: JobNames;
  readonly chance: Chance;
}

/** The host of the model, which the link tells what happens to all jobs. */
export interface LinkHost {
  /** Another member of the fleet cancelled the job. */
  onCancelledElsewhere(job: Job, by: CancelledBy): void;
  /** NATS or the model has been away for too long: waiting jobs fail. */
  onUnreachable(error: WaggleError): void;
  /** NATS and the model are back. */
  onReachable(): void;
}

export interface FleetLink extends Executor {
  /** Called after a change of the members or the connection. */
  changed(): void;
  /** The file of the model that runs the job, or ran it last. */
  fileOf(job: Job): FleetModelFile | undefined;
  /** The worker of the job's first sequence. */
  readonly workerOf: WorkerOf;
  /** Number of sequences that are in the fleet or being published. */
  readonly running: number;
  /** Cancels in the fleet what still runs there of jobs that this gateway has aborted. Never rejects. */
  cancelAll(): Promise<void>;
  /** Ends all timers and subscriptions. */
  close(): void;
}

export function createFleetLink(options: FleetLinkOptions, host: LinkHost): FleetLink {
  const { side, serving, names, outage, pictureOutage, clock, log } = options;
  const runs = new Map<string, SequenceRun>();
  const files = new WeakMap<Job, FleetModelFile>();
  /** Cancels that NATS has not taken, by the ids of their jobs. */
  const owed = new Map<string, EndedBy>();
  let owner: ExecutorOwner | undefined;
  const questions = createQuestions(options);
  const publisher = createPublisher(options, { onRoom: () => owner?.onRoom(), onRefused: fail });
  const checkEntry = watchLostEntries({ side, names, publisher, clock, log }, giveUp);
  let checking: TimerHandle | undefined;
  let isUnreachable = false;
  let lastSlots = 1;

  const slotsNow = (): number => serving().reduce((sum, { slots }) => sum + slots, 0);

  // ---- jobs ---------------------------------------------------------------------------------------------------------

  function run(job: Job, sequence: SequenceState): void {
    const named = (): FleetJob =>
      fleetJobOf(names.fleetIdOf(job, sequence.choice), job, sequence, {
        ...options,
        gateway: names.originOf(job),
        pictures: names.picturesOf(job),
      });
    const one = createSequenceRun(job, sequence, { fleetJob: named(), lastRecordAt: clock.now() });
    runs.set(sequence.uid, one);
    keepChecking();
    const listener = (record: EventRecord): void => onRecord(one, record);
    const isPublished = job.takenOver === "published";
    inBackground("publish a job", isPublished ? publisher.follow(one, listener) : publisher.put(one, listener, named));
  }

  function onRecord(one: SequenceRun, record: EventRecord): void {
    if (phaseOf(one) === "over") return;
    const { job, uid, records } = one;
    one.lastRecordAt = clock.now();
    apply(one, "record");
    try {
      const { events: news, moved } = records.take(record);
      if (record.kind === "fence") options.affinity.ran(job, record.worker);
      if (records.file !== undefined) files.set(job, records.file);
      if (moved) owner?.onMoved(uid);
      const by = record.kind === "events" ? record.cancelledBy : undefined;
      for (const event of news) forward(one, { ...event, jobId: uid }, by);
    } catch (error) {
      log.error({ err: error, job: job.id, fleet_job: one.fleetJob.id }, "fleet_records_broken");
      // If another gateway published the job, that gateway may have all records.
      if (phaseOf(one) !== "elsewhere") inBackground(cancelling, cancelInFleet(one));
      fail(one, new WaggleError("internal", "Part of the job's output was lost in the fleet; the job was stopped."));
    }
  }

  function forward(one: SequenceRun, event: JobEvent, cancelledBy: EndedBy = "client"): void {
    if (event.type === "cancelled" && one.cancelledAt === undefined) {
      if (cancelledBy === "orphaned" || cancelledBy === "gateway") return fail(one, endedWithout(cancelledBy));
      host.onCancelledElsewhere(one.job, cancelledBy);
    }
    const last = event.type === "finished" || event.type === "failed" || event.type === "cancelled";
    if (last) leave(one);
    owner?.onEvents([event]);
    // There may be room for a refused job now.
    if (last) publisher.wake();
  }

  function leave(one: SequenceRun): void {
    apply(one, "end");
    runs.delete(one.uid);
    one.stop();
    publisher.forget(one);
  }

  function fail(one: SequenceRun, error: WaggleError): void {
    if (phaseOf(one) === "over") return;
    forward(one, { type: "failed", jobId: one.uid, ...failureOf(error) });
  }

  function cancel(uid: string): void {
    const one = runs.get(uid);
    if (one === undefined || one.cancelledAt !== undefined) return;
    one.cancelledAt = clock.now();
    apply(one, "cancel");
    // Continue in a later turn of the event loop, because an engine never answers within the call.
    if (phaseOf(one) === "withdrawn") queueMicrotask(() => release(one));
    else if (isAbandoned(one)) inBackground(cancelling, cancelUnlessTakenOver(one));
    else queueMicrotask(() => inBackground(cancelling, end(one)));
  }

  /** Cancels the job in the fleet. A job that no worker has taken ends here at once; another job ends with its last record. */
  async function end(one: SequenceRun): Promise<void> {
    const cancelled = cancelInFleet(one);
    if (phaseOf(one) === "published") release(one);
    await cancelled;
  }

  /**
   * Cancels a job without readers here, unless another gateway has taken over the job together with its readers. While NATS does not answer, neither
   * happens, until the time for the cancel is over.
   */
  async function cancelUnlessTakenOver(one: SequenceRun): Promise<void> {
    const owner = await names.ownerOf(one.job).catch(() => "unknown" as const);
    if (phaseOf(one) === "over") return;
    if (owner === "unknown")
      clock.setTimeout(() => inBackground(cancelling, cancelUnlessTakenOver(one)), checkIntervalMs);
    else if (owner === undefined || owner === side.id) await end(one);
    else release(one);
  }

  async function cancelInFleet({ fleetJob, job }: SequenceRun): Promise<void> {
    const { phase } = job.state;
    const by = "outcome" in phase ? endedByOf(phase.outcome) : "gateway";
    await side.cancel(fleetJob.id, by).catch((error: unknown) => {
      log.warn({ reason: WaggleError.from(error).message, job: job.id }, "fleet_cancel_failed");
      owed.set(fleetJob.id, by);
    });
  }

  /** Cancels what could not be cancelled while NATS was away. */
  function payOwed(): void {
    if (!side.connected) return;
    for (const [id, by] of owed) {
      owed.delete(id);
      side.cancel(id, by).catch(() => owed.set(id, by));
    }
  }

  function release(one: SequenceRun): void {
    if (phaseOf(one) === "over") return;
    forward(one, { type: "cancelled", jobId: one.uid, steps: 0, ...noTotals });
  }

  // ---- timeouts -----------------------------------------------------------------------------------------------------

  function keepChecking(): void {
    if (checking !== undefined) return;
    if (runs.size === 0 && !outage.ongoing) return;
    checking = clock.setTimeout(() => {
      checking = undefined;
      checkTimeouts();
      keepChecking();
    }, checkIntervalMs);
  }

  function checkTimeouts(): void {
    outage.update();
    pictureOutage.update();
    const error = outage.overdue();
    if (error !== undefined && !isUnreachable) {
      isUnreachable = true;
      log.warn({ model: options.model, reason: error.message }, "fleet_out_of_reach");
      host.onUnreachable(error);
    }
    for (const one of [...runs.values()]) {
      checkRun(one, error ?? (one.fleetJob.pictures === undefined ? undefined : pictureOutage.overdue()));
    }
  }

  function checkRun(one: SequenceRun, error: WaggleError | undefined): void {
    const { records, lastRecordAt, cancelledAt = Infinity } = one;
    const silentMs = clock.now() - lastRecordAt;
    if (clock.now() - cancelledAt >= cancelLimitMs) return release(one);
    if (clock.now() - cancelledAt >= cancelAgainMs && !isAbandoned(one)) inBackground(cancelling, cancelInFleet(one));
    // Without NATS, no records arrive. While no worker takes jobs, a leaving worker may still finish its jobs.
    if (error !== undefined && (!side.connected || silentMs >= noWorkerLimitMs)) return giveUp(one, error);
    checkEntry(one);
    const { worker } = records;
    // NATS may have deleted the fence that names the worker.
    const isUnknown = phaseOf(one) === "elsewhere" || phaseOf(one) === "taken";
    const isLost = worker === undefined ? isUnknown : !side.isAlive("worker", worker);
    if (!isLost || silentMs < lostLimitMs || !side.connected) return;
    const seconds = lostLimitMs / 1000;
    const why =
      worker === undefined
        ? `it has sent no records for ${seconds} s`
        : `its worker ${worker} is gone, and no other worker has continued it for ${seconds} s`;
    giveUp(one, new WaggleError("unavailable", `Cannot continue the job: ${why}.`));
  }

  /** No worker should run the job any more, when there is one again. */
  function giveUp(one: SequenceRun, error: WaggleError): void {
    const phase = phaseOf(one);
    if (phase === "published" || phase === "taken") inBackground(cancelling, cancelInFleet(one));
    fail(one, error);
  }

  return {
    open(by) {
      owner = by;
    },
    get ready() {
      return side.connected && slotsNow() > 0;
    },
    get full() {
      return publisher.full;
    },
    yieldsItself: true,
    get slots() {
      // Keep the last slot count while no worker is connected, so that `n` is not refused.
      lastSlots = slotsNow() || lastSlots;
      return lastSlots;
    },
    reserve: names.reserve,
    preflight: questions.preflight,
    start(job, sequences) {
      for (const sequence of sequences) run(job, sequence);
    },
    cancel,
    leave(uids) {
      for (const uid of uids) {
        const one = runs.get(uid);
        if (one !== undefined) leave(one);
      }
    },
    async cancelAll() {
      await Promise.all(
        [...runs.values()].map(async (one) => {
          if (one.cancelledAt !== undefined || phaseOf(one) === "waiting") return leave(one);
          one.cancelledAt = clock.now();
          await cancelUnlessTakenOver(one);
        }),
      );
    },
    query(id, question, client) {
      const answered = questions.query(question, client).then((answer) => owner?.onAnswer(id, answer));
      inBackground("answer a query", answered);
    },
    dropQuery: (id) => owner?.onAnswer(id, dropped),
    changed() {
      payOwed();
      checkTimeouts();
      keepChecking();
      if (outage.ongoing) return;
      if (isUnreachable) {
        isUnreachable = false;
        host.onReachable();
      }
      publisher.wake();
      owner?.onRoom();
    },
    fileOf: (job) => files.get(job),
    workerOf: ({ uid }) => runs.get(uid)?.records.worker,
    get running() {
      return runs.size;
    },
    close() {
      checking?.cancel();
      for (const one of [...runs.values()]) leave(one);
    },
  };
}

/** Whether the job is cancelled because it has no readers here. */
function isAbandoned({ job: { state } }: SequenceRun): boolean {
  const { phase } = state;
  if (phase.name !== "ending" || phase.outcome.type !== "cancelled") return false;
  return phase.outcome.by === "disconnect" || phase.outcome.by === "unclaimed";
}

/** Why a job ended that no client and no newer job has ended. */
const endedBy = {
  orphaned: "its gateway was out of touch for too long, so the worker ended the job",
  gateway: "the gateway that accepted it has ended it",
} as const;

function endedWithout(by: keyof typeof endedBy): WaggleError {
  return new WaggleError("unavailable", `Cannot continue the job: ${endedBy[by]}.`);
}
