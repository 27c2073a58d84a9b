// Owns how a worker takes jobs from the queue: those that were promised a slot here, and then of each model and class, while there is room.
import type { Logger } from "@waggle/telemetry";
import type { Connected, FleetConnection } from "./connection.ts";
import { shareJob, takeJob, type TakenJob } from "./job-queue.ts";
import { consumers, subjects } from "./names.ts";
import { jobClasses } from "./records.ts";
import { say } from "./say.ts";
import { ensureModelConsumers, ensureWorkerConsumer } from "./topology.ts";
import type { RunnableModel, WorkerPort } from "./worker-port.ts";

export interface IntakeOptions {
  readonly connection: FleetConnection;
  readonly port: Pick<WorkerPort, "id" | "models">;
  /** Slots that one more job may have now. */
  readonly roomOf: (model: RunnableModel) => number;
  /** A job that was for this worker alone has come: its slot need not be kept for it any more. */
  readonly arrived: (jobId: string) => void;
  readonly begin: (taken: TakenJob, model: RunnableModel) => void;
  readonly log: Logger;
}

export interface Intake {
  /** There may be a job, or room for one. */
  look(): void;
  /** There may be a job for this worker alone. */
  lookAtOwn(): void;
  /** What lies with the server may have gone with it. */
  renew(): void;
  /** Takes nothing new. What comes for this worker alone is for everybody from now on. */
  leave(): void;
}

export function createIntake({ connection, port, roomOf, arrived, begin, log }: IntakeOptions): Intake {
  /** Models whose consumers are there. */
  const ensured = new Set<string>();
  let ownEnsured = false;
  let ownDue = true;
  let looking = false;
  let again = false;
  let leaving = false;

  function look(): void {
    again = true;
    if (looking || !connection.connected) return;
    looking = true;
    void lookThrough().finally(() => {
      looking = false;
      // It may have been asked for after the last look, and before this.
      if (again) look();
    });
  }

  async function lookThrough(): Promise<void> {
    try {
      while (again) {
        again = false;
        const connected = connection.use();
        await takeOwn(connected);
        for (const model of port.models()) await takeOf(connected, model);
      }
    } catch (error) {
      log.debug({ err: error }, "fleet_queue_unread");
      // One of them may be missing.
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
    if (!ensured.has(model.name)) {
      await ensureModelConsumers(connected.jsm, model.name);
      ensured.add(model.name);
    }
    for (const jobClass of jobClasses) await takeAll(connected, model, consumers.of(model.name, jobClass));
  }

  async function takeAll(connected: Connected, model: RunnableModel, consumer: string): Promise<void> {
    while (!leaving && roomOf(model) > 0) {
      const taken = await takeJob(connected, consumer);
      if (taken === undefined) return;
      // Meanwhile the worker may have begun to leave, or somebody else has taken the slot.
      if (leaving || roomOf(model) <= 0) {
        taken.giveBack();
        say(connected.nc, subjects.hint(model.name));
        return;
      }
      begin(taken, model);
    }
  }

  /** Jobs that were promised a slot here. */
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
      if (leaving || model === undefined || roomOf(model) <= 0) await share(taken);
      else begin({ ...taken, giveBack: () => void share(taken) }, model);
    }
  }

  /** To the queue from which everybody takes; what fails here lies with us until we, or others, find it again. */
  async function share({ job, done }: TakenJob): Promise<void> {
    try {
      await shareJob(connection.use(), job);
      await done();
    } catch (error) {
      log.warn({ err: error, job: job.id }, "fleet_job_not_passed");
    }
  }

  return {
    look,
    lookAtOwn() {
      ownDue = true;
      look();
    },
    renew,
    leave() {
      leaving = true;
      ownDue = true;
      look();
    },
  };
}
