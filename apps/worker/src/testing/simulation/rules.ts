// Owns the rules that must hold between any two turns of the event loop, whatever has happened to the worker.
import { picturesOf } from "@waggle/engine";
import { hasEnded, isWaiting, outcomeReason, stateNameOf } from "@waggle/jobs";
import type { Job, JobLimits, JobRegistry, Outcome } from "@waggle/jobs";
import type { App } from "@waggle/front";
import { isLane } from "@waggle/protocol";
import type { ModelHost } from "../../models/run/model-host-port.ts";
import type { Witness } from "./witness.ts";

export interface Rules {
  /** Checks all rules. `engineReady`: jobs can run now. */
  check(engineReady: boolean): void;
  /** A job was accepted. */
  watch(witness: Witness): void;
  /** Jobs that have not ended, oldest first. */
  readonly live: readonly Witness[];
}

export interface RulesOptions {
  readonly app: Pick<App, "pictureBytes">;
  readonly picturesTotalBytes: number;
  readonly host: Pick<ModelHost, "dispatcher" | "queue">;
  readonly registry: JobRegistry;
  readonly slots: number;
  readonly endedJobsKept: number;
  readonly limits: JobLimits;
  readonly tickets: ReadonlySet<string>;
  readonly now: () => number;
  readonly fault: (message: string) => void;
}

export function createRules(options: RulesOptions): Rules {
  const { app, picturesTotalBytes, host, registry, slots, endedJobsKept, limits, tickets, now, fault } = options;
  const { dispatcher, queue } = host;
  const { sessions } = registry;
  /** Jobs that were live at the last check. A job that has ended since then may still need a reason for its end. */
  const active = new Set<Witness>();
  const all = new Set<Witness>();
  /** The first outcome that each ending job was given, and when. */
  const endings = new Map<Witness, { readonly outcome: Outcome; readonly sinceMs: number }>();

  const holds = (condition: boolean, message: () => string): void => {
    if (!condition) fault(message());
  };

  function live(): Witness[] {
    return [...active].filter(({ outcome }) => outcome === undefined);
  }

  /** Checks that each job whose time is over has ended, or is ending. */
  function applyTimes(witness: Witness): void {
    const { job, readersGoneAt, leftInPrefill } = witness;
    const { deadlineMs, onDisconnect, direct, retriable } = job.spec.when;
    const ageMs = now() - job.acceptedAt;
    const due: Witness["reasons"] extends Set<infer R> ? R[] : never = [];
    if (deadlineMs !== undefined && ageMs >= deadlineMs) due.push("deadline_exceeded");
    if (onDisconnect === "cancel") {
      if (!witness.everRead && ageMs >= limits.unclaimedTimeoutMs) due.push("unclaimed");
      const directMs = retriable === true || leftInPrefill ? limits.retryGraceMs : 0;
      const graceMs = direct ? directMs : limits.reconnectGraceMs;
      if (readersGoneAt !== undefined && now() - readersGoneAt >= graceMs) due.push("disconnect");
    }
    for (const reason of due) witness.reasons.add(reason);
    const ends = hasEnded(job) || job.state.phase.name === "ending";
    holds(due.length === 0 || ends, () => `${jobLabel(witness)} continues in spite of ${due.join()}`);
  }

  function checkEnding(witness: Witness): void {
    const { job } = witness;
    const { phase } = job.state;
    if (phase.name !== "ending" || witness.outcome !== undefined) return;
    const asked = endings.get(witness) ?? { outcome: phase.outcome, sinceMs: now() };
    endings.set(witness, asked);
    const agoMs = now() - asked.sinceMs;
    holds(
      phase.outcome === asked.outcome,
      () => `${jobLabel(witness)} was to end by ${outcomeReason(asked.outcome)} first`,
    );
    holds(agoMs < limits.supersedeTimeoutMs, () => `${jobLabel(witness)} was to end ${agoMs} ms ago`);
  }

  function checkPlaces(witnesses: readonly Witness[], engineReady: boolean): void {
    type Name = Job["state"]["phase"]["name"];
    const countOf = (ofLane: boolean, ...names: Name[]): number =>
      witnesses.filter(({ job }) => isLane(job.spec.when) === ofLane && names.includes(job.state.phase.name)).length;
    const count = (...names: Name[]): number => countOf(false, ...names);
    const waiting = count("queued", "blocked");
    // A job that supersedes a running job, or lost its engine, waits outside of the queue's capacity. There are at most as many such jobs as slots.
    // A job that continues after its calls also waits outside of this capacity.
    const later = witnesses.filter(({ job: { state } }) => state.phase.name === "queued" && state.step.index > 0);
    const most = queue.capacity + slots + later.length;
    holds(queue.depth <= most, () => `the queue holds ${queue.depth} of ${queue.capacity}`);
    holds(
      queue.depth === count("queued"),
      () => `the queue holds ${queue.depth}, and ${count("queued")} jobs believe it`,
    );
    holds(dispatcher.waiting === waiting, () => `${dispatcher.waiting} are said to wait, and ${waiting} do`);
    holds(dispatcher.running <= slots, () => `${dispatcher.running} jobs run in ${slots} slots`);
    holds(
      dispatcher.running >= count("running", "ending"),
      () => `${count("running", "ending")} jobs run, and ${dispatcher.running} are said to`,
    );
    const heldBy = (of: readonly Witness[]): number =>
      of.reduce((sum, { job }) => sum + job.state.sequences.filter((one) => one.held).length, 0);
    const others = [...all].filter(({ job }) => !isLane(job.spec.when));
    const [held, heldByOthers] = [heldBy([...all]), heldBy(others)];
    holds(dispatcher.sequences === held, () => `${dispatcher.sequences} sequences run, and jobs believe it of ${held}`);
    holds(
      dispatcher.running === heldByOthers,
      () => `${dispatcher.running} sequences of requests run, and jobs believe it of ${heldByOthers}`,
    );
    const ofLane = witnesses.filter(({ job }) => isLane(job.spec.when)).length;
    holds(dispatcher.laneJobs === ofLane, () => `${dispatcher.laneJobs} lane jobs are counted, and ${ofLane} live`);
    for (const witness of witnesses) {
      const { uid, state } = witness.job;
      if (state.phase.name !== "calling") continue;
      const hasPlace = tickets.has(uid) || queue.position(uid) !== undefined || state.sequences.some((one) => one.held);
      holds(!hasPlace, () => `${jobLabel(witness)} calls, and holds a place of the queue or a slot`);
    }
    const idle = engineReady && dispatcher.running < slots;
    // A job that may have killed the engines waits until the other jobs have output, and no job overtakes it.
    const suspected = [...all].some(({ job: { state } }) => state.enginesLost > 0 && isHeldOrWaits(state));
    holds(
      !idle || count("queued") === 0 || suspected,
      () => `a slot is idle while ${count("queued")} jobs wait for one`,
    );
    const idleForLane = engineReady && dispatcher.sequences < slots && count("queued") === 0;
    holds(
      !idleForLane || countOf(true, "queued") === 0 || suspected,
      () => `a slot is idle while ${countOf(true, "queued")} lane jobs wait for one`,
    );
  }

  function checkPositions(witnesses: readonly Witness[]): void {
    const taken = new Set<number>();
    for (const witness of witnesses) {
      const { job } = witness;
      const position = dispatcher.position(job);
      if (!isWaiting(job)) holds(position === 0, () => `${jobLabel(witness)} runs at position ${position}`);
      if (job.state.phase.name !== "queued") continue;
      const last = dispatcher.waiting + (isLane(job.spec.when) ? dispatcher.laneJobs : 0);
      const fits = position !== undefined && position >= 1 && position <= last && !taken.has(position);
      holds(fits, () => `${jobLabel(witness)} waits at position ${position} of ${last}`);
      if (position !== undefined) taken.add(position);
    }
  }

  function checkSessions(witnesses: readonly Witness[]): void {
    const streaming = new Set<string>();
    const newestOfSession = new Map<string, Witness>();
    for (const witness of witnesses) {
      const { sessionKey } = witness.job;
      const newest = sessionKey === undefined ? undefined : newestOfSession.get(sessionKey);
      if (sessionKey !== undefined && (newest === undefined || ticketOf(newest) < ticketOf(witness)))
        newestOfSession.set(sessionKey, witness);
    }
    for (const witness of witnesses) {
      const { job } = witness;
      const { sessionKey } = job;
      if (sessionKey === undefined) continue;
      if (job.state.startedAt !== undefined && !isWaiting(job)) {
        holds(!streaming.has(sessionKey), () => `two jobs of session ${sessionKey} stream at once`);
        streaming.add(sessionKey);
      }
      const newest = newestOfSession.get(sessionKey);
      if (newest === witness) {
        const found = dispatcher.sessionJob(job.spec.who.client, job.spec.who.sessionId ?? "");
        holds(found === job, () => `session ${sessionKey} does not know ${jobLabel(witness)}, its newest job`);
      } else {
        // The newest job may wait until the engine has checked its work.
        const phases = [job.state.phase.name, newest?.job.state.phase.name];
        holds(
          phases[0] === "ending" || phases[1] === "blocked",
          () => `${jobLabel(witness)} was superseded and continues`,
        );
      }
    }
    const { size } = newestOfSession;
    holds(sessions.size === size, () => `${sessions.size} sessions are registered, and ${size} are live`);
  }

  /** Pictures are counted once for each client, and at least as long as their jobs live. */
  function checkPictures(witnesses: readonly Witness[]): void {
    const sizes = new Map<string, number>();
    for (const { job } of witnesses) {
      const { work, who } = job.spec;
      for (const { sha256, bytes } of picturesOf(work) ?? []) sizes.set(`${who.client} ${sha256}`, bytes.length);
    }
    const least = [...sizes.values()].reduce((sum, size) => sum + size, 0);
    const held = app.pictureBytes;
    holds(held >= least, () => `${held} bytes of pictures are counted, and live jobs have ${least}`);
    holds(held <= picturesTotalBytes, () => `${held} bytes of pictures are held of ${picturesTotalBytes}`);
  }

  return {
    check(engineReady) {
      for (const witness of active) {
        applyTimes(witness);
        checkEnding(witness);
        const { job, readers } = witness;
        holds(job.readers === readers, () => `${jobLabel(witness)} counts ${job.readers} readers of ${readers}`);
        if (witness.outcome !== undefined) active.delete(witness);
      }
      const witnesses = live();
      holds(registry.liveCount === witnesses.length, () => `${registry.liveCount} jobs are registered as live`);
      holds(registry.endedCount <= 2 * endedJobsKept, () => `${registry.endedCount} ended jobs are kept`);
      checkPlaces(witnesses, engineReady);
      checkPositions(witnesses);
      checkSessions(witnesses);
      checkPictures(witnesses);
    },
    watch(witness) {
      all.add(witness);
      active.add(witness);
      const { sessionKey } = witness.job;
      if (sessionKey === undefined) return;
      for (const other of all) {
        if (other === witness || other.job.sessionKey !== sessionKey) continue;
        const older = ticketOf(other) < ticketOf(witness) ? other : witness;
        if (other.outcome === undefined || other.outcome === "cancelled superseded") older.reasons.add("superseded");
      }
    },
    get live() {
      return live();
    },
  };
}

/** Whether the job has not ended, or the engine still holds its sequences. */
function isHeldOrWaits({ phase, sequences }: Job["state"]): boolean {
  return phase.name !== "ended" || sequences.some(({ held }) => held);
}

function ticketOf({ job }: Witness): number {
  return job.spec.who.ticket ?? 0;
}

export function jobLabel({ job, number }: Witness): string {
  return `job ${number} (${job.uid}, ${jobStateLabel(job)})`;
}

export function jobStateLabel({ state }: Job): string {
  return `${state.phase.name} ${stateNameOf(state)}`;
}
