// Publishes a sequence to the fleet's queue, and subscribes to its records. While the queue is full or NATS is away, the publisher retries until the
// job ends, and the front takes no more jobs from its queue, so a full fleet also fills the front's queue. Other failures are the job's, and have a limit.
import type { Clock, TimerHandle } from "@waggle/async";
import { deferred } from "@waggle/async";
import type { Deferred } from "@waggle/async";
import { canRun } from "@waggle/fleet";
import type { Ability, FleetJob, GatewaySide, RecordListener } from "@waggle/fleet";
import type { Job } from "@waggle/jobs";
import { isLane, WaggleError } from "@waggle/protocol";
import type { Logger } from "@waggle/telemetry";
import type { JobNames } from "../jobs/job-names.ts";
import type { Affinity } from "./affinity.ts";
import { apply, isWanted, phaseOf } from "./sequence-run.ts";
import type { SequenceRun } from "./sequence-run.ts";

/** Pause before the next attempt, unless a job ends earlier. */
const retryMs = 1_000;
/** How long the attempts for one sequence may fail while NATS is connected and its queue has room. */
const publishLimitMs = 30_000;

export interface Publisher {
  /**
   * Resolves when the job is in the queue and its records arrive here, or when the job has ended. Never throws.
   * @param named makes the message for the fleet's queue; called after the job's record is written
   */
  put(run: SequenceRun, listener: RecordListener, named: () => FleetJob): Promise<void>;
  /** Follows a job that another gateway published. Resolves when the job's records arrive, or when the job has ended. Never throws. */
  follow(run: SequenceRun, listener: RecordListener): Promise<void>;
  /** Publishes a lost sequence again, with the number of the loss in `run.again`. Resolves and throws like `put`. */
  again(run: SequenceRun): Promise<void>;
  /** Whether the publisher still tries to publish or to follow the sequence. */
  isTrying(run: SequenceRun): boolean;
  /** Whether a sequence waits for room in the fleet's queue, or for NATS. */
  readonly full: boolean;
  /** Tries again at once, because the fleet's queue may have room. */
  wake(): void;
  /** Called when the sequence has ended. */
  forget(run: SequenceRun): void;
}

export interface PublisherOptions {
  readonly side: Pick<GatewaySide, "id" | "connected" | "publish" | "subscribe" | "subscribeFromStart">;
  readonly names: Pick<JobNames, "recorded" | "isPublished" | "published">;
  readonly affinity: Pick<Affinity, "choose">;
  readonly serving: () => readonly { readonly worker: string; readonly abilities: readonly Ability[] }[];
  /** Resolves when no other gateway runs a job of the session; undefined for a job without a session. Rejects with a WaggleError. */
  readonly sessionFree: (job: Job) => Promise<void> | undefined;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface PublisherEvents {
  onRoom(): void;
  /** Called for a sequence that can never be published. */
  onRefused(run: SequenceRun, error: WaggleError): void;
}

export function createPublisher(options: PublisherOptions, { onRoom, onRefused }: PublisherEvents): Publisher {
  const { side, names, affinity, clock, log } = options;
  const refused = new Map<SequenceRun, { readonly again: Deferred<void>; readonly byQueue: boolean }>();
  const trying = new Set<SequenceRun>();
  let timer: TimerHandle | undefined;

  function wake(): void {
    timer?.cancel();
    timer = undefined;
    for (const { again } of refused.values()) again.resolve();
  }

  function isFull(): boolean {
    return side.connected ? [...refused.values()].some(({ byQueue }) => byQueue) : refused.size > 0;
  }

  /** Resolves when the next attempt may succeed, or when the sequence has ended. */
  async function another(run: SequenceRun, byQueue: boolean): Promise<void> {
    const again = deferred<void>();
    refused.set(run, { again, byQueue });
    timer ??= clock.setTimeout(wake, retryMs);
    if (!isFull()) onRoom();
    await again.promise;
  }

  function settled(run: SequenceRun): void {
    if (refused.delete(run) && !isFull()) onRoom();
  }

  /** @param work resolves with the queue's error if the fleet's queue is full */
  async function attempt(run: SequenceRun, work: () => Promise<WaggleError | undefined>): Promise<void> {
    let logged = false;
    let failingMs = 0;
    trying.add(run);
    while (isWanted(run)) {
      const begun = clock.now();
      let full: WaggleError | undefined;
      let error: WaggleError | undefined;
      try {
        error = full = await work();
      } catch (thrown) {
        error = WaggleError.from(thrown);
        if (isPermanent(error)) onRefused(run, error);
        else if (failingMs >= publishLimitMs) onRefused(run, late(error));
      }
      if (error === undefined || !isWanted(run)) break;
      if (!logged) log.warn({ job: run.job.id, code: error.code, reason: error.message }, "fleet_publish_failed");
      logged = true;
      await another(run, full !== undefined);
      // `Outage` limits the time without NATS.
      if (full === undefined && side.connected) failingMs += clock.now() - begun;
    }
    trying.delete(run);
    settled(run);
  }

  /** Resolves with the queue's error if the fleet's queue is full. @throws WaggleError payload_too_large, unavailable */
  async function publish(run: SequenceRun, at?: string): Promise<WaggleError | undefined> {
    try {
      await side.publish(run.fleetJob, { at, again: run.again });
      return undefined;
    } catch (thrown) {
      // If a worker has taken the job, the job is published: NATS's answer was lost.
      if (phaseOf(run) === "taken" && run.again === 0) return undefined;
      const error = WaggleError.from(thrown);
      if (error.code === "resource_exhausted") return error;
      throw error;
    }
  }

  /** Subscribes to the sequence's records, from the first one. */
  async function subscribe(run: SequenceRun, listener: RecordListener): Promise<void> {
    run.stop();
    const stop = await side.subscribeFromStart(run.fleetJob.id, listener);
    if (phaseOf(run) === "over") stop();
    else run.stop = stop;
  }

  /** Subscribes to the records of a waiting sequence, and finds out whether another gateway has put the sequence into the queue. */
  async function find(run: SequenceRun, listener: RecordListener): Promise<void> {
    const isAcceptedHere = run.fleetJob.gateway === side.id;
    let begun = false;
    let isDecided = false;
    if (isAcceptedHere) {
      run.stop();
      run.stop = side.subscribe(run.fleetJob.id, (record) => {
        if (isDecided) listener(record);
        else begun = true;
      });
    } else await subscribe(run, listener);
    const isElsewhere = (await names.isPublished(run.job)) || begun;
    isDecided = true;
    if (!isElsewhere || phaseOf(run) !== "waiting") return;
    apply(run, "find_published");
    // The subscription above has no earlier records.
    if (isAcceptedHere) await subscribe(run, listener);
  }

  return {
    async put(run, listener, named) {
      try {
        await options.sessionFree(run.job);
      } catch (error) {
        onRefused(run, WaggleError.from(error));
      }
      await attempt(run, async () => {
        if (phaseOf(run) === "elsewhere") {
          await subscribe(run, listener);
          return undefined;
        }
        let to: string | undefined;
        if (phaseOf(run) === "waiting") {
          await names.recorded(run.job);
          run.fleetJob = named();
          const able = options.serving().filter((one) => canRun(one, run.fleetJob));
          const workers = able.map(({ worker }) => worker);
          // No worker keeps a slot for a lane job: any idle worker may have it.
          const chosen = isLane(run.fleetJob.spec.when)
            ? undefined
            : affinity.choose(run.job, run.fleetJob.id, workers);
          [to] = await Promise.all([chosen, find(run, listener)]);
          if (phaseOf(run) !== "waiting") return undefined;
          apply(run, "publish");
          run.lastRecordAt = clock.now();
        }
        // After a failed attempt, any worker may take the job.
        const full = await publish(run, to);
        if (full === undefined) names.published(run.job);
        return full;
      });
    },
    async follow(run, listener) {
      apply(run, "find_published");
      await attempt(run, async () => {
        await subscribe(run, listener);
        return undefined;
      });
    },
    again: async (run) => await attempt(run, async () => await publish(run)),
    isTrying: (run) => trying.has(run),
    get full() {
      return isFull();
    },
    wake,
    forget(run) {
      refused.get(run)?.again.resolve();
      settled(run);
    },
  };
}

function isPermanent({ code }: WaggleError): boolean {
  return code !== "resource_exhausted" && code !== "unavailable";
}

function late({ message }: WaggleError): WaggleError {
  const why = `all attempts of ${publishLimitMs / 1_000} s failed. The last error: ${message}`;
  return new WaggleError("unavailable", `Cannot hand the job to the fleet: ${why}`);
}
