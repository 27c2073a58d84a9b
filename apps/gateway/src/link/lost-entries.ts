// Finds sequences whose entry in the fleet's queue is lost, because NATS has lost its store or an operator has emptied it, and publishes them again.
import type { Clock } from "@waggle/async";
import type { GatewaySide } from "@waggle/fleet";
import { WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { JobNames } from "../jobs/job-names.ts";
import type { Publisher } from "./publisher.ts";
import type { SequenceRun } from "./sequence-run.ts";

/** How long a published sequence may have no records, and a taken one no more of them, before NATS is asked about its entry. */
const untakenMs = 10_000;
const silentMs = 15_000;
/** How long a job may be silent while its worker is lost, or unbegun in the queue of one worker. */
export const lostLimitMs = 120_000;
/** How long the end of a job may be on its way. */
const endLimitMs = 60_000;
/** Shortest time between two questions about one sequence. */
const askAgainMs = 10_000;

export interface LostEntriesOptions {
  readonly side: Pick<GatewaySide, "connected" | "placeOf" | "isAlive" | "id">;
  readonly names: Pick<JobNames, "ownerOf">;
  readonly publisher: Pick<Publisher, "isTrying" | "again">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Returns a function that checks one sequence; call it about once a second. It never throws.
 * @param onLost called for a sequence that cannot continue, for example because only an earlier gateway had its prompt
 */
export function watchLostEntries(
  { side, names, publisher, clock, log }: LostEntriesOptions,
  onLost: (run: SequenceRun, error: WaggleError) => void,
): (run: SequenceRun) => void {
  const askedAt = new WeakMap<SequenceRun, number>();

  function isDue(run: SequenceRun): boolean {
    const limitMs = run.phase === "published" ? untakenMs : silentMs;
    const now = clock.now();
    return now - run.lastRecordAt >= limitMs && now - (askedAt.get(run) ?? -Infinity) >= askAgainMs;
  }

  /** Only one gateway repairs a job: the last one that took it over, unless that gateway is gone, or the record that names it. */
  async function isOurs({ job }: SequenceRun): Promise<boolean> {
    const owner = await names.ownerOf(job);
    return owner === undefined || owner === "lost" || owner === side.id || !side.isAlive("gateway", owner);
  }

  async function ask(run: SequenceRun): Promise<void> {
    const { lastRecordAt } = run;
    const place = await side.placeOf(run.fleetJob);
    if (place === "queued" || (place !== "reserved" && !(await isOurs(run)))) return;
    if (!isAsked(run) || run.lastRecordAt !== lastRecordAt) return;
    if (place === "reserved") {
      // Gateways move the jobs of lost workers. They cannot if NATS has lost the worker's queue.
      const isStuck = run.phase === "published" && clock.now() - lastRecordAt >= lostLimitMs;
      if (isStuck) giveUp(run, `the worker that reserved a slot for it has not begun it for ${lostLimitMs / 1_000} s`);
      return;
    }
    if (place === "ended") {
      // After a lost connection, the last records arrive later than this answer.
      if (clock.now() - lastRecordAt >= endLimitMs) giveUp(run, "its last records have not arrived");
      return;
    }
    if (run.job.takenOver === "published") {
      return giveUp(run, "the fleet's queue has lost it, and its prompt was only at the gateway that accepted it");
    }
    run.again += 1;
    log.warn({ job: run.job.id, fleet_job: run.fleetJob.id, again: run.again }, "fleet_job_published_again");
    await publisher.again(run);
  }

  function giveUp(run: SequenceRun, why: string): void {
    onLost(run, new WaggleError("unavailable", `Cannot continue the job: ${why}.`));
  }

  function isAsked(run: SequenceRun): boolean {
    const isThere = run.phase === "published" || run.phase === "taken" || run.phase === "elsewhere";
    return isThere && run.cancelledAt === undefined && side.connected && !publisher.isTrying(run);
  }

  return (run) => {
    if (!isAsked(run) || !isDue(run)) return;
    askedAt.set(run, clock.now());
    ask(run).catch((error: unknown) =>
      log.debug({ job: run.job.id, reason: WaggleError.from(error).message }, "fleet_queue_unknown"),
    );
  };
}
