// Owns a worker's part in the fleet: it takes jobs while it has room, answers questions, says who it is, and hands its jobs over when it leaves.
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import { Svcm } from "@nats-io/services";
import type { Service } from "@nats-io/services";
import { createBeats } from "./beats.ts";
import { onCancels } from "./cancels.ts";
import type { Connected, FleetConnection } from "./connection.ts";
import { startFleetRun, type FleetRun } from "./fleet-run.ts";
import { publishJob, takeJob, type TakenJob } from "./job-queue.ts";
import { createLeases } from "./leases.ts";
import { createMembers } from "./members.ts";
import { consumers, subjects } from "./names.ts";
import { answerWith } from "./questions.ts";
import { fleetVersion, jobClasses, type WorkerAnswer, type WorkerQuestion } from "./records.ts";
import { createRescue } from "./rescue.ts";
import { ensureModelConsumers, ensureWorkerConsumer } from "./topology.ts";
import type { RunnableModel, WorkerPort } from "./worker-port.ts";

/** Jobs come back to the queue without anybody saying so. */
const lookIntervalMs = 1_000;
/** How much later than an idle worker one looks that is nearly full. */
const fullestWaitsMs = 4;
/** How long a slot is kept for a job that was promised one. */
const promiseMs = 1_000;

export interface WorkerSideOptions {
  readonly connection: FleetConnection;
  readonly port: WorkerPort;
  readonly clock: Clock;
  readonly log: Logger;
}

export interface WorkerSide {
  /** A slot has become free. */
  look(): void;
  /** A model is ready, or no longer is: the others are to know. */
  changed(): void;
  /** Takes nothing new. Jobs that another worker can go on with are handed over; resolves when they are. */
  leave(): Promise<void>;
  /** After the last job. */
  close(): Promise<void>;
  /** Jobs of the fleet that run here. */
  readonly running: number;
}

export function createWorkerSide({ connection, port, clock, log }: WorkerSideOptions): WorkerSide {
  const runs = new Map<string, FleetRun>();
  /** By job: when the promise ends, and for which model it is. */
  const promises = new Map<string, { readonly model: string; readonly until: number }>();
  const beats = createBeats(connection, { kind: "worker", id: port.id }, clock);
  const leases = createLeases({ connection, beats, clock, runs: () => [...runs.values()] });
  const rescue = createRescue({ connection, beats, self: port.id, clock, log });
  /** Models whose consumers and questions are there, on the present connection. */
  const known = new Set<string>();
  let service: Service | undefined;
  let looking = false;
  let again = false;
  let leaving = false;
  let timer: TimerHandle | undefined;
  let soon: TimerHandle | undefined;

  const members = createMembers(connection, {
    self: () => ({ version: fleetVersion, takesJobs: !leaving, ...port.member() }),
    clock,
    log,
  });

  const forgets = [
    onCancels(connection, (jobId) => runs.get(jobId)?.cancel()),
    connection.onChange((connected, first) => {
      if (connected === undefined) return;
      if (first) {
        known.clear();
        join(connected).catch((error: unknown) => log.warn({ err: error }, "fleet_not_joined"));
      }
      look();
    }),
  ];

  async function join(connected: Connected): Promise<void> {
    const { nc, jsm } = connected;
    service = await new Svcm(nc).add({ name: "waggle-worker", version: port.version, metadata: { worker: port.id } });
    service.addEndpoint("worker", {
      subject: subjects.askWorker(port.id),
      handler: (error, message) => {
        if (error === null) answerWith<WorkerQuestion, WorkerAnswer>(message, answer);
      },
    });
    nc.subscribe(subjects.hintAt(port.id), { callback: () => look() });
    await ensureWorkerConsumer(jsm, port.id);
  }

  async function serve({ nc, jsm }: Connected, { name }: RunnableModel): Promise<void> {
    if (known.has(name)) return;
    await ensureModelConsumers(jsm, name);
    nc.subscribe(subjects.hint(name), { callback: () => lookSoon(name) });
    nc.subscribe(subjects.ask(name), {
      queue: "workers",
      callback: (error, message) => {
        if (error === null) answerWith<WorkerQuestion, WorkerAnswer>(message, answer);
      },
    });
    known.add(name);
  }

  async function answer(question: WorkerQuestion): Promise<WorkerAnswer> {
    if (question.kind !== "offer") return await port.answer(question);
    const model = modelOf(question.model);
    const taken = !leaving && model !== undefined && roomOf(model) > 0;
    if (taken) promises.set(question.jobId, { model: model.name, until: clock.now() + promiseMs });
    return { kind: "offer", taken };
  }

  function modelOf(name: string): RunnableModel | undefined {
    return port.models().find((model) => model.name === name);
  }

  function roomOf(model: RunnableModel): number {
    let room = model.free();
    for (const [jobId, promise] of promises) {
      if (promise.until < clock.now()) promises.delete(jobId);
      else if (promise.model === model.name) room -= 1;
    }
    return room - starting(model.name);
  }

  /** Jobs that were taken and that the model does not know of yet. */
  function starting(name: string): number {
    let count = 0;
    for (const run of runs.values()) if (run.job.model === name && !run.submitted) count += 1;
    return count;
  }

  /** Who has much to do leaves the job to who has not. */
  function lookSoon(name: string): void {
    const model = modelOf(name);
    if (model === undefined || soon !== undefined) return;
    const room = roomOf(model);
    if (room >= model.slots) return look();
    soon = clock.setTimeout(
      () => {
        soon = undefined;
        look();
      },
      fullestWaitsMs * (1 - room / model.slots),
    );
  }

  function look(): void {
    again = true;
    if (looking || leaving || !connection.connected) return;
    looking = true;
    void lookThrough().finally(() => {
      looking = false;
    });
  }

  async function lookThrough(): Promise<void> {
    try {
      while (again && !leaving) {
        again = false;
        const connected = connection.use();
        await takeOwn(connected);
        for (const model of port.models()) {
          await serve(connected, model);
          for (const jobClass of jobClasses) await takeAll(connected, model, consumers.of(model.name, jobClass));
        }
      }
    } catch (error) {
      log.debug({ err: error }, "fleet_queue_unread");
    }
  }

  async function takeAll(connected: Connected, model: RunnableModel, consumer: string): Promise<void> {
    while (!leaving && roomOf(model) > 0) {
      const taken = await takeJob(connected, consumer);
      if (taken === undefined) return;
      begin(taken, model);
    }
  }

  /** Jobs that were promised a slot here. */
  async function takeOwn(connected: Connected): Promise<void> {
    while (!leaving && promises.size > 0) {
      const taken = await takeJob(connected, consumers.at(port.id));
      if (taken === undefined) return;
      const model = modelOf(taken.job.model);
      promises.delete(taken.job.id);
      const own = { ...taken, giveBack: () => void pass(connected, taken) };
      if (model !== undefined && roomOf(model) > 0) begin(own, model);
      else own.giveBack();
    }
  }

  /** To the queue from which everybody takes; what fails here lies with us until others find it. */
  async function pass(connected: Connected, { job, done }: TakenJob): Promise<void> {
    try {
      await publishJob(connected, job, undefined, `${job.id}:passed:${port.id}`);
      await done();
    } catch (error) {
      log.warn({ err: error, job: job.id }, "fleet_job_not_passed");
    }
  }

  function begin(taken: TakenJob, model: RunnableModel): void {
    const { id } = taken.job;
    // The queue has given it to us anew, though we have it: our word that we work on it was late.
    if (runs.has(id)) return;
    const run = startFleetRun({
      taken,
      model,
      worker: port.id,
      connection,
      clock,
      log,
      onGone() {
        if (runs.get(id) === run) runs.delete(id);
        look();
      },
    });
    runs.set(id, run);
  }

  function tick(): void {
    timer = clock.setTimeout(tick, lookIntervalMs);
    look();
    if (leaving || !connection.connected) return;
    void rescue.look();
    void leases.look();
  }
  tick();

  /** Another worker that has the model from the same file, and takes jobs. */
  function hasSibling(name: string): boolean {
    const own = modelOf(name)?.file();
    return members
      .list()
      .some(
        (member) =>
          member.kind === "worker" &&
          member.id !== port.id &&
          member.takesJobs &&
          beats.isAlive("worker", member.id) &&
          member.models.some(
            (model) =>
              model.name === name &&
              model.ready &&
              own?.modelSha256 !== null &&
              model.modelSha256 === own?.modelSha256 &&
              model.templateSha256 === own?.templateSha256,
          ),
      );
  }

  return {
    look,
    changed() {
      members.report();
      look();
    },
    async leave() {
      if (leaving) return;
      leaving = true;
      members.report();
      const handed = [...runs.values()].filter(({ job }) => connection.connected && hasSibling(job.model));
      await Promise.all(handed.map((run) => run.handOver()));
      if (!connection.connected) return;
      const { nc } = connection.use();
      for (const model of new Set(handed.map(({ job }) => job.model))) nc.publish(subjects.hint(model));
    },
    async close() {
      leaving = true;
      for (const forget of forgets) forget();
      timer?.cancel();
      soon?.cancel();
      await service?.stop();
      await members.close();
      beats.close();
    },
    get running() {
      return runs.size;
    },
  };
}
