// Owns a worker's part in the fleet: it takes jobs while it has room, answers questions, says who it is, and hands its jobs over when it leaves.
import { sleep, withTimeout } from "@waggle/async";
import type { Clock, TimerHandle } from "@waggle/async";
import type { Logger } from "@waggle/telemetry";
import { Svcm } from "@nats-io/services";
import type { Service } from "@nats-io/services";
import type { NatsConnection, Subscription } from "@nats-io/transport-node";
import { createBeats } from "./beats.ts";
import { isCancelled, onCancels } from "./cancels.ts";
import type { Connected, FleetConnection } from "./connection.ts";
import { startFleetRun, type FleetRun } from "./fleet-run.ts";
import { goodbye } from "./goodbye.ts";
import { createIntake } from "./intake.ts";
import type { TakenJob } from "./job-queue.ts";
import { createLeases } from "./leases.ts";
import { createHeartbeat } from "./heartbeats.ts";
import { subjects } from "./names.ts";
import { answerWith } from "./questions.ts";
import { fleetVersion, type WorkerAnswer, type WorkerQuestion } from "./records.ts";
import { say } from "./say.ts";
import { modelsOfSiblings } from "./siblings.ts";
import type { RunnableModel, WorkerPort } from "./worker-port.ts";

/** How often a worker with jobs looks for more, and for jobs whose gateway is gone. */
const lookIntervalMs = 1_000;
/** The same without jobs. A gateway hints at new jobs, and at those of a lost worker: this is for a hint that was missed. */
const idleLookIntervalMs = 5_000;
/** For the report that this worker leaves, which comes before the list of other workers. */
const reportTimeoutMs = 500;
/** For the list of the workers that could go on with its jobs. Without it a leaving worker keeps its jobs. */
const siblingsTimeoutMs = 1_000;
/** How much later than an idle worker one looks that is nearly full. */
const fullestWaitsMs = 4;
/** How long a slot is kept for a job that was promised one. */
const promiseMs = 1_000;

/** How long others may look first at a job that this worker could not run. */
const othersFirstMs = 250;
/** What NATS gives back after a while is there a little later. */
const nakSlackMs = 20;

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
  /** By model: when this worker may take jobs of it again, after it could not run one. */
  const refusedUntil = new Map<string, number>();
  const beats = createBeats(connection, { kind: "worker", id: port.id }, clock);
  const leases = createLeases({ connection, beats, clock, runs: () => [...runs.values()] });
  /** By model that is loaded: what is listened to for it, on the present connection. */
  const heard = new Map<string, readonly Subscription[]>();
  let service: Service | undefined;
  /** On which the service is there. */
  let joined: NatsConnection | undefined;
  let joining: TimerHandle | undefined;
  let leaving = false;
  let lookedAt = -Infinity;
  let timer: TimerHandle | undefined;
  let soon: TimerHandle | undefined;

  const heartbeat = createHeartbeat(connection, {
    self: () => ({ version: fleetVersion, takesJobs: !leaving, ...port.member() }),
    clock,
    log,
  });

  const intake = createIntake({
    connection,
    port,
    roomOf,
    arrived: (jobId) => promises.delete(jobId),
    begin,
    log,
  });

  const forgets = [
    onCancels(connection, (jobId) => runs.get(jobId)?.cancel()),
    connection.onChange((connected, first) => {
      joining?.cancel();
      if (connected === undefined) return;
      if (first) {
        heard.clear();
        connected.nc.subscribe(subjects.hintAt(port.id), { callback: () => intake.lookAtOwn() });
      }
      if (joined !== connected.nc) void join(connected);
      void cancelMissed(connected);
      intake.renew();
      look();
    }),
  ];

  async function join(connected: Connected): Promise<void> {
    try {
      const metadata = { worker: port.id };
      service = await new Svcm(connected.nc).add({ name: "waggle-worker", version: port.version, metadata });
      service.addEndpoint("worker", {
        subject: subjects.askWorker(port.id),
        handler: (error, message) => {
          if (error === null) answerWith<WorkerQuestion, WorkerAnswer>(message, answer);
        },
      });
      joined = connected.nc;
    } catch (error) {
      log.warn({ err: error }, "fleet_not_joined");
      joining = clock.setTimeout(() => void join(connected), lookIntervalMs);
    }
  }

  /** What was said while nobody heard us. */
  async function cancelMissed(connected: Connected): Promise<void> {
    try {
      for (const run of [...runs.values()]) if (await isCancelled(connected, run.job.id)) run.cancel();
    } catch (error) {
      log.debug({ err: error }, "fleet_cancels_unread");
    }
  }

  /** Listens for the models that are loaded, and no longer for those that are not. */
  function hear(): void {
    const loaded = new Set(port.models().map(({ name }) => name));
    for (const [name, subscriptions] of heard) {
      if (loaded.has(name)) continue;
      for (const subscription of subscriptions) subscription.unsubscribe();
      heard.delete(name);
    }
    const { nc } = connection.use();
    for (const name of loaded) {
      if (heard.has(name)) continue;
      const hints = nc.subscribe(subjects.hint(name), { callback: () => lookSoon(name) });
      const questions = nc.subscribe(subjects.ask(name), {
        queue: "workers",
        callback: (error, message) => {
          if (error === null) answerWith<WorkerQuestion, WorkerAnswer>(message, answer);
        },
      });
      heard.set(name, [hints, questions]);
    }
  }

  async function answer(question: WorkerQuestion): Promise<WorkerAnswer> {
    const model = modelOf(question.model);
    if (question.kind !== "offer") {
      if (model !== undefined) return await port.answer(question);
      // First, so that the question comes to another worker when it is asked again.
      if (connection.connected) hear();
      return { kind: "not_loaded" };
    }
    const taken = !leaving && model !== undefined && roomOf(model) > 0;
    if (taken) promises.set(question.jobId, { model: model.name, until: clock.now() + promiseMs });
    return { kind: "offer", taken };
  }

  function modelOf(name: string): RunnableModel | undefined {
    return port.models().find((model) => model.name === name);
  }

  function roomOf(model: RunnableModel): number {
    if (clock.now() < (refusedUntil.get(model.name) ?? 0)) return 0;
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
    if (connection.connected) hear();
    intake.look();
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
      onMoved: port.moved,
      onGivenBack(afterMs, refused) {
        if (refused) refusedUntil.set(model.name, clock.now() + afterMs + othersFirstMs);
        // Nobody else says that it is there again; who waits for the next tick may always come second.
        clock.setTimeout(() => hint([model.name]), afterMs + nakSlackMs);
      },
      onGone() {
        if (runs.get(id) === run) runs.delete(id);
        look();
      },
    });
    runs.set(id, run);
  }

  function tick(): void {
    timer = clock.setTimeout(tick, lookIntervalMs);
    if (isBusy() || clock.now() - lookedAt >= idleLookIntervalMs) {
      lookedAt = clock.now();
      intake.lookAtOwn();
      look();
    }
    if (connection.connected) void leases.look();
  }
  tick();

  /** Something may change here that nothing tells of: a promise runs out, a refusal ends, a slot is free. */
  function isBusy(): boolean {
    const isRefusing = [...refusedUntil.values()].some((until) => clock.now() < until + lookIntervalMs);
    return runs.size > 0 || promises.size > 0 || isRefusing;
  }

  function hint(models: readonly string[]): void {
    if (!connection.connected) return;
    for (const model of new Set(models)) say(connection.use().nc, subjects.hint(model));
  }

  /** Jobs that another worker can continue. */
  async function movable(): Promise<readonly FleetRun[]> {
    const may = [...runs.values()].filter(({ mayMove }) => mayMove);
    if (may.length === 0 || !connection.connected) return [];
    const files = new Map(port.models().map((model) => [model.name, model.file()]));
    const models = await modelsOfSiblings(connection.use(), { self: port.id, files });
    return may.filter(({ job }) => models.has(job.model));
  }

  return {
    look,
    changed() {
      // First the subscriptions: a gateway that reads the report may ask at once.
      look();
      void heartbeat.report();
    },
    async leave() {
      if (leaving) return;
      leaving = true;
      intake.leave();
      await Promise.race([heartbeat.report(), sleep(reportTimeoutMs, { ref: false })]);
      const handed = await withTimeout(movable(), siblingsTimeoutMs, "NATS did not answer in time").catch(
        (error: unknown) => {
          log.warn({ err: error }, "fleet_siblings_unknown");
          return [];
        },
      );
      await Promise.all(handed.map((run) => run.handOver()));
      hint(handed.map(({ job }) => job.model));
    },
    async close() {
      leaving = true;
      intake.leave();
      for (const forget of forgets) forget();
      timer?.cancel();
      soon?.cancel();
      joining?.cancel();
      await Promise.all([goodbye(service?.stop()), heartbeat.close()]);
      beats.close();
    },
    get running() {
      return runs.size;
    },
  };
}
