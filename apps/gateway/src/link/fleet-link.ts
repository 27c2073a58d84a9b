// Owns the fleet as an engine with many slots: what a model's dispatcher hands over becomes jobs in the fleet's queue, and their records become
// the engine's events. It knows no HTTP, and how jobs wait is the dispatcher's.
import type { Clock, TimerHandle } from "@waggle/async";
import type { EngineCommand, EngineEvent, EngineQuery, JobEvent } from "@waggle/engine";
import type { EventRecord, FleetJob, FleetModelFile, GatewaySide } from "@waggle/fleet";
import { queryTimeoutMs } from "@waggle/jobs";
import type { EngineLink, Job, SequenceState } from "@waggle/jobs";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import { fleetJobOf } from "./fleet-job.ts";
import type { FleetJobOptions } from "./fleet-job.ts";
import type { JobNames } from "../jobs/job-names.ts";
import { createHandover } from "./handover.ts";
import type { Outage } from "./outage.ts";
import { noWorkerLimitMs } from "./outage.ts";
import type { Placement } from "./placement.ts";
import { createSequenceRun, isOver } from "./sequence-run.ts";
import type { SequenceRun } from "./sequence-run.ts";

/** The dispatcher waits 80 ms at most. */
const preflightTimeoutMs = 80;
/** How often it is looked whether somebody waits in vain. */
const watchIntervalMs = 1_000;
/** How long a job may be silent whose worker is gone, although others serve its model; and how long a cancelled one may take to end. */
const lostLimitMs = 120_000;
const cancelLimitMs = 30_000;

const noTotals = { promptTokens: 0, cachedTokens: 0, completionTokens: 0, prefillMs: 0, decodeMs: 0 } as const;

/** A worker that serves the model and takes jobs for it now. */
export interface ServingWorker {
  readonly worker: string;
  readonly slots: number;
}

/** What the link tells its dispatcher. */
export interface LinkEvents {
  onEvent(event: EngineEvent): void;
  /** There may be room for more. */
  onRoom(): void;
  /** A job that had spoken goes on elsewhere. */
  onMoved(uid: string): void;
  /** Somebody else has cancelled the job. */
  onCancelledElsewhere(job: Job): void;
  /** What waits can hope no longer. */
  onGaveUp(error: WaggleError): void;
  /** There is hope again. */
  onBack(): void;
}

export interface FleetLinkOptions extends FleetJobOptions {
  readonly model: string;
  readonly side: GatewaySide;
  readonly serving: () => readonly ServingWorker[];
  readonly outage: Outage;
  readonly placement: Placement;
  /** Resolves when no other gateway runs a job of its session; undefined: at once. */
  readonly cleared: (job: Job) => Promise<void> | undefined;
  readonly names: JobNames;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface FleetLink extends EngineLink {
  readonly full: boolean;
  /** The members, or the connection, have changed. */
  changed(): void;
  /** What runs the job, or ran it last. */
  fileOf(job: Job): FleetModelFile | undefined;
  /** Sequences that are in the fleet, or on their way. */
  readonly running: number;
  /** No timer is left, and nothing is followed. */
  close(): void;
}

export function createFleetLink(options: FleetLinkOptions, events: LinkEvents): FleetLink {
  const { side, serving, names, outage, clock, log } = options;
  const runs = new Map<string, SequenceRun>();
  const files = new WeakMap<Job, FleetModelFile>();
  const handover = createHandover(options, { onRoom: events.onRoom, onRefused: fail });
  let watching: TimerHandle | undefined;
  let gaveUp = false;
  let mostSlots = 1;

  const slotsNow = (): number => serving().reduce((sum, { slots }) => sum + slots, 0);

  // ---- jobs ---------------------------------------------------------------------------------------------------------

  function run(job: Job, sequence: SequenceState): void {
    const named = (): FleetJob =>
      fleetJobOf(names.fleetIdOf(job, sequence.choice), job, sequence, { ...options, gateway: names.originOf(job) });
    const one = createSequenceRun(job, sequence, { fleetJob: named(), heardAt: clock.now() });
    runs.set(sequence.uid, one);
    watch();
    const follower = { record: (record: EventRecord) => onRecord(one, record) };
    void (names.isFollowed(job) ? handover.take(one, follower) : handover.put(one, follower, named));
  }

  function onRecord(one: SequenceRun, record: EventRecord): void {
    if (isOver(one)) return;
    const { job, uid, records } = one;
    one.heardAt = clock.now();
    try {
      const { events: told, moved } = records.take(record);
      if (record.kind === "fence") options.placement.ran(job, record.worker);
      if (records.file !== undefined) files.set(job, records.file);
      if (moved) events.onMoved(uid);
      for (const event of told) tell(one, { ...event, jobId: uid });
    } catch (error) {
      log.error({ err: error, job: job.id, fleet_job: one.fleetJob.id }, "fleet_records_broken");
      // Another gateway that put the job into the queue may have all records.
      if (!one.followed) cancelInFleet(one);
      fail(one, new WaggleError("internal", "The records of the job in the fleet are not whole."));
    }
  }

  function tell(one: SequenceRun, event: JobEvent): void {
    const last = event.type === "finished" || event.type === "failed" || event.type === "cancelled";
    if (last) leave(one);
    if (event.type === "cancelled" && !one.cancelled) events.onCancelledElsewhere(one.job);
    events.onEvent({ type: "step", events: [event] });
    // Whatever it was refused for may be over.
    if (last) handover.wake();
  }

  function leave(one: SequenceRun): void {
    one.over = true;
    runs.delete(one.uid);
    one.stop();
    handover.forget(one);
  }

  function fail(one: SequenceRun, error: WaggleError): void {
    if (isOver(one)) return;
    const { code, message, details } = error;
    const failure = { code, message, ...(details === undefined ? {} : { details }) };
    tell(one, { type: "failed", jobId: one.uid, ...failure });
  }

  function cancel(uid: string): void {
    const one = runs.get(uid);
    if (one === undefined || one.cancelled) return;
    one.cancelled = true;
    one.cancelledAt = clock.now();
    const { phase } = one.job.state;
    const abandoned =
      phase.name === "ending" &&
      phase.outcome.type === "cancelled" &&
      (phase.outcome.by === "disconnect" || phase.outcome.by === "unclaimed");
    // No engine answers within the call that asks it.
    if (!one.handedOver && !one.followed) queueMicrotask(() => release(one));
    else if (abandoned) void cancelUnlessLeft(one);
    else queueMicrotask(() => end(one));
  }

  /** Cancels the job in the fleet. A job that no worker has taken ends here at once; a followed job ends with its last record. */
  function end(one: SequenceRun): void {
    cancelInFleet(one);
    if (!one.records.taken && !one.followed) release(one);
  }

  /** Its readers may have gone to another gateway, which has the job then. */
  async function cancelUnlessLeft(one: SequenceRun): Promise<void> {
    const left = await names.isLeft(one.job);
    if (isOver(one)) return;
    if (left) release(one);
    else end(one);
  }

  function cancelInFleet({ fleetJob, job }: SequenceRun): void {
    side.cancel(fleetJob.id).catch((error: unknown) => log.warn({ err: error, job: job.id }, "fleet_cancel_failed"));
  }

  function release(one: SequenceRun): void {
    if (isOver(one)) return;
    tell(one, { type: "cancelled", jobId: one.uid, steps: 0, ...noTotals });
  }

  // ---- questions ----------------------------------------------------------------------------------------------------

  async function preflight(job: Extract<EngineCommand, { type: "preflight" }>["job"]): Promise<void> {
    const { jobId } = job;
    try {
      const question = { kind: "preflight", model: options.model, job } as const;
      const { size } = await side.ask<"preflight">(question, { timeoutMs: preflightTimeoutMs });
      if (size === null) return;
      const { promptTokens, cachedTokens } = size;
      events.onEvent({ type: "preflight_ok", jobId, promptTokens, cachedTokens });
    } catch (thrown) {
      const { code, message, details } = WaggleError.from(thrown);
      // Nobody has answered, so nobody knows; who runs the job finds out.
      if (code === "unavailable" || code === "internal") return;
      const failure = { code, message, ...(details === undefined ? {} : { details }) };
      events.onEvent({ type: "preflight_failed", jobId, failure });
    }
  }

  async function query(id: string, question: EngineQuery): Promise<void> {
    const model = options.model;
    const answer = await side.ask<"query">({ kind: "query", model, question }, { timeoutMs: queryTimeoutMs }).then(
      ({ result }) => result,
      (thrown: unknown) => {
        const { code, message } = WaggleError.from(thrown);
        return { kind: "failed", failure: { code, message } } as const;
      },
    );
    events.onEvent({ type: "query_result", id, answer });
  }

  // ---- what takes too long ------------------------------------------------------------------------------------------

  function watch(): void {
    if (watching !== undefined) return;
    if (runs.size === 0 && outage.natsAwaySince === undefined && outage.noWorkerSince === undefined) return;
    watching = clock.setTimeout(() => {
      watching = undefined;
      look();
      watch();
    }, watchIntervalMs);
  }

  function look(): void {
    outage.look();
    const error = outage.overdue();
    if (error !== undefined && !gaveUp) {
      gaveUp = true;
      log.warn({ model: options.model, reason: error.message }, "fleet_out_of_reach");
      events.onGaveUp(error);
    }
    for (const one of [...runs.values()]) lookAt(one, error);
  }

  function lookAt(one: SequenceRun, error: WaggleError | undefined): void {
    const { records, heardAt } = one;
    const silentMs = clock.now() - heardAt;
    if (one.cancelled && clock.now() - one.cancelledAt >= cancelLimitMs) return release(one);
    // Without NATS nobody is heard; without a worker that takes jobs, one that leaves may still finish its own.
    if (error !== undefined && (outage.natsAwaySince !== undefined || silentMs >= noWorkerLimitMs)) {
      return fail(one, error);
    }
    const { worker } = records;
    const orphaned = worker === undefined ? one.followed : !side.isAlive("worker", worker);
    if (!orphaned || silentMs < lostLimitMs || !side.connected) return;
    const why =
      worker === undefined ? "nothing has been heard of it" : `its worker ${worker} is gone, and no other goes on`;
    fail(one, new WaggleError("unavailable", `Cannot go on with the job: ${why} for ${lostLimitMs / 1000} s.`));
  }

  return {
    get ready() {
      return side.connected && slotsNow() > 0;
    },
    get full() {
      return handover.waiting > 0;
    },
    get slots() {
      // Who asks for more choices than there are slots while nobody is there shall not be told that there are none.
      mostSlots = slotsNow() || mostSlots;
      return mostSlots;
    },
    reserve: names.reserve,
    run,
    send(command) {
      switch (command.type) {
        case "preflight":
          return void preflight(command.job);
        case "query":
          return void query(command.id, command.question);
        case "cancel":
          return cancel(command.jobId);
        case "submit":
          throw new Error("A fleet has to know whose job it runs");
        case "end_preflight":
        case "limit_threads":
        case "shutdown":
          return;
      }
    },
    changed() {
      look();
      watch();
      if (outage.natsAwaySince !== undefined || outage.noWorkerSince !== undefined) return;
      if (gaveUp) {
        gaveUp = false;
        events.onBack();
      }
      handover.wake();
      events.onRoom();
    },
    fileOf: (job) => files.get(job),
    get running() {
      return runs.size;
    },
    close() {
      watching?.cancel();
      for (const one of [...runs.values()]) leave(one);
    },
  };
}
