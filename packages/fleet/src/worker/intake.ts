// Takes jobs from the queue while there is room: first jobs with a promised slot on this worker, then the jobs of each model and class.
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import { fireAndForget } from "../nats/publish.ts";
import type { Connected, MemberContext } from "../nats/connection.ts";
import { shareJob, takeJob, type TakenJob } from "../queue/job-queue.ts";
import { consumers, subjects } from "../nats/names.ts";
import { queuesOf } from "../queue/records.ts";
import { ensureQueueConsumer, ensureWorkerConsumer } from "../nats/topology.ts";
import type { RunnableModel, WorkerPort } from "./worker-port.ts";

export interface IntakeOptions extends MemberContext {
  readonly port: Pick<WorkerPort, "id" | "models">;
  /** Returns the number of the model's free slots. */
  readonly roomOf: (model: RunnableModel) => number;
  /** Called when a job from this worker's own queue arrives, so that its promised slot is released. */
  readonly arrived: (jobId: string) => void;
  readonly begin: (taken: TakenJob, model: RunnableModel) => void;
}

export interface Intake {
  /** Takes jobs until the queues are empty or the models have no room. */
  takeJobs(): void;
  /** Like `takeJobs`, but takes jobs from this worker's own queue too. */
  takeOwnJobs(): void;
  /** Creates the consumers again, because the server may have lost them. */
  renew(): void;
  /** Takes no new jobs, and moves the jobs for this worker to the common queue. */
  leave(): void;
}

export function createIntake({ connection, port, roomOf, arrived, begin, clock, log }: IntakeOptions): Intake {
  /** Consumers of models' queues that exist. */
  const ensured = new Set<string>();
  /** Jobs from this worker's own queue that were given back, until they move to the common queue. */
  const returning = new Map<TakenJob, TimerHandle>();
  let ownEnsured = false;
  let ownDue = true;
  let running = false;
  let again = false;
  let leaving = false;

  function takeJobs(): void {
    again = true;
    if (running || !connection.connected) return;
    running = true;
    void takeAll().finally(() => {
      running = false;
      // `takeJobs` may have been called after the last round.
      if (again) takeJobs();
    });
  }

  async function takeAll(): Promise<void> {
    try {
      while (again) {
        again = false;
        const connected = connection.use();
        await takeOwn(connected);
        for (const model of port.models()) await takeOf(connected, model);
      }
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_queue_failed");
      // The server may have lost a consumer.
      renew();
      again = false;
    }
  }

  function renew(): void {
    ensured.clear();
    ownEnsured = false;
    ownDue = true;
  }

  async function takeOf(connected: Connected, model: RunnableModel): Promise<void> {
    if (leaving) return;
    for (const queue of queuesOf(model.file().vision !== null)) {
      const consumer = consumers.of(model.name, queue);
      if (!ensured.has(consumer)) await ensureQueueConsumer(connected.jsm, model.name, queue);
      ensured.add(consumer);
      await takeFrom(connected, model, consumer);
    }
  }

  async function takeFrom(connected: Connected, model: RunnableModel, consumer: string): Promise<void> {
    while (!leaving && roomOf(model) > 0) {
      const taken = await takeJob(connected, consumer);
      if (taken === undefined) return;
      // During the wait for NATS, this worker may have begun to leave, or another job may have taken the slot.
      if (leaving || roomOf(model) <= 0) {
        taken.giveBack();
        fireAndForget(connected.nc, subjects.hint(model.name));
        return;
      }
      begin(taken, model);
    }
  }

  /** Takes the jobs with a promised slot on this worker. */
  async function takeOwn(connected: Connected): Promise<void> {
    if (!ownEnsured) {
      await ensureWorkerConsumer(connected.jsm, port.id);
      ownEnsured = true;
    }
    if (!ownDue) return;
    ownDue = false;
    for (;;) {
      const taken = await takeJob(connected, consumers.at(port.id));
      if (taken === undefined) return;
      arrived(taken.job.id);
      const model = port.models().find(({ name }) => name === taken.job.model);
      const isUnreadable = taken.job.pictures !== undefined && model?.file().vision === null;
      if (leaving || model === undefined || isUnreadable || roomOf(model) <= 0) await share(taken);
      else begin({ ...taken, giveBack: (afterMs = 0) => shareLater(taken, afterMs) }, model);
    }
  }

  function shareLater(taken: TakenJob, afterMs: number): void {
    if (leaving || afterMs === 0) return void share(taken);
    returning.set(
      taken,
      clock.setTimeout(() => void share(taken), afterMs),
    );
  }

  /** Moves the job to the common queue; after a failure it stays in this worker's queue until this worker or a gateway moves it. */
  async function share(taken: TakenJob): Promise<void> {
    const { job, done } = taken;
    returning.get(taken)?.cancel();
    returning.delete(taken);
    try {
      await shareJob(connection.use(), job);
      await done();
    } catch (error) {
      log.warn({ reason: errorReason(error), job: job.id }, "fleet_share_failed");
    }
  }

  return {
    takeJobs,
    takeOwnJobs() {
      ownDue = true;
      takeJobs();
    },
    renew,
    leave() {
      leaving = true;
      ownDue = true;
      for (const taken of returning.keys()) void share(taken);
      takeJobs();
    },
  };
}
