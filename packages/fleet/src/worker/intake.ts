// Takes jobs from the queue while there is room: first jobs with a promised slot on this worker, then the jobs of each model and class.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import { isLane } from "@waggle/protocol";
import type { MemberContext } from "../broker/member-context.ts";
import { queues, topics } from "../broker/names.ts";
import { openQueue, shareJob, takeJob, type TakenJob } from "../queue/job-queue.ts";
import { canRun, isLaneQueue, queuesOf } from "../queue/records.ts";
import type { RunnableModel, WorkerPort } from "./worker-port.ts";

const sharing = "move a job to the common queue";

export interface IntakeOptions extends Pick<MemberContext, "broker" | "clock" | "log"> {
  readonly port: Pick<WorkerPort, "id" | "models">;
  /** Returns the number of the model's slots for jobs, or for lane jobs. */
  readonly roomOf: (model: RunnableModel, forLane: boolean) => number;
  /** Called when a job from this worker's own queue arrives, so that its promised slot is released. */
  readonly arrived: (jobId: string) => void;
  readonly begin: (taken: TakenJob, model: RunnableModel) => void;
}

export interface Intake {
  /** Takes jobs until the queues are empty or the models have no room. */
  takeJobs(): void;
  /** Like `takeJobs`, but takes jobs from this worker's own queue too. */
  takeOwnJobs(): void;
  /** Opens the queues again, because the broker may have lost them. */
  renew(): void;
  /** Takes no new jobs, and moves the jobs for this worker to the common queue. */
  leave(): void;
}

export function createIntake({ broker, port, roomOf, arrived, begin, clock, log }: IntakeOptions): Intake {
  /** The open queues of models. */
  const opened = new Set<string>();
  /** Jobs from this worker's own queue that were given back, until they move to the common queue. */
  const returning = new Map<TakenJob, TimerHandle>();
  let ownOpened = false;
  let ownDue = true;
  let running = false;
  let again = false;
  let leaving = false;

  function takeJobs(): void {
    again = true;
    if (running || !broker.connected) return;
    running = true;
    const taken = takeAll().finally(() => {
      running = false;
      // `takeJobs` may have been called after the last round.
      if (again) takeJobs();
    });
    inBackground("take jobs", taken);
  }

  async function takeAll(): Promise<void> {
    try {
      while (again) {
        again = false;
        await takeOwn();
        for (const model of port.models()) await takeOf(model);
      }
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_queue_failed");
      // The broker may have lost a queue.
      renew();
      again = false;
    }
  }

  function renew(): void {
    opened.clear();
    ownOpened = false;
    ownDue = true;
  }

  async function takeOf(model: RunnableModel): Promise<void> {
    if (leaving) return;
    for (const jobQueue of queuesOf(model.abilities)) {
      const queue = queues.of(model.name, jobQueue);
      if (!opened.has(queue)) await openQueue(broker, model.name, jobQueue);
      opened.add(queue);
      await takeFrom(model, queue, isLaneQueue(jobQueue));
    }
  }

  async function takeFrom(model: RunnableModel, queue: string, forLane: boolean): Promise<void> {
    while (!leaving && roomOf(model, forLane) > 0) {
      const taken = await takeJob(broker, queue);
      if (taken === undefined) return;
      // During the wait, this worker may have begun to leave, or another job may have taken the slot.
      if (leaving || roomOf(model, forLane) <= 0) {
        taken.giveBack();
        broker.messages.send(topics.hint(model.name));
        return;
      }
      begin(taken, model);
    }
  }

  /** Takes the jobs with a promised slot on this worker. */
  async function takeOwn(): Promise<void> {
    if (!ownOpened) {
      await broker.jobs.open(queues.at(port.id), topics.jobsAt(port.id));
      ownOpened = true;
    }
    if (!ownDue) return;
    ownDue = false;
    for (;;) {
      const taken = await takeJob(broker, queues.at(port.id));
      if (taken === undefined) return;
      arrived(taken.job.id);
      const model = port.models().find(({ name }) => name === taken.job.model);
      const isUnfit =
        model === undefined || !canRun(model, taken.job) || roomOf(model, isLane(taken.job.spec.when)) <= 0;
      if (leaving || isUnfit) await share(taken);
      else begin({ ...taken, giveBack: (afterMs = 0) => shareLater(taken, afterMs) }, model);
    }
  }

  function shareLater(taken: TakenJob, afterMs: number): void {
    if (leaving || afterMs === 0) return inBackground(sharing, share(taken));
    returning.set(
      taken,
      clock.setTimeout(() => inBackground(sharing, share(taken)), afterMs),
    );
  }

  /** Moves the job to the common queue; after a failure it stays in this worker's queue until this worker or a gateway moves it. */
  async function share(taken: TakenJob): Promise<void> {
    const { job, done } = taken;
    returning.get(taken)?.cancel();
    returning.delete(taken);
    try {
      await shareJob(broker, job);
      await done();
    } catch (error) {
      log.warn({ reason: errorReason(error), job: job.id, stream_id: job.clientJob.id }, "fleet_share_failed");
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
      for (const taken of returning.keys()) inBackground(sharing, share(taken));
      takeJobs();
    },
  };
}
