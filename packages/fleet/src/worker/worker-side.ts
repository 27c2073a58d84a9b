// Owns the worker's side of the fleet: it takes jobs while it has room, answers questions, writes its heartbeat, and hands over jobs when it leaves.
import { sleep, withTimeout } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import { Svcm } from "@nats-io/services";
import type { Service } from "@nats-io/services";
import type { Msg, NatsConnection, Subscription, SubscriptionOptions } from "@nats-io/transport-node";
import { fireAndForget, waitForLast } from "../nats/publish.ts";
import { createBeats } from "../members/beats.ts";
import { isCancelled, onCancels } from "../queue/cancels.ts";
import { subscribeAlways, type Connected, type MemberContext } from "../nats/connection.ts";
import { startFleetRun, type FleetRun } from "./fleet-run.ts";
import { createIntake } from "./intake.ts";
import type { TakenJob } from "../queue/job-queue.ts";
import { readPictures } from "../pictures/picture-store.ts";
import { createOrphanCheck } from "./orphans.ts";
import { createHeartbeat } from "../members/heartbeats.ts";
import { subjects } from "../nats/names.ts";
import { answerWith } from "../members/questions.ts";
import { fleetVersion, type WorkerAnswer, type WorkerQuestion } from "../queue/records.ts";
import { modelsOfSiblings } from "../members/siblings.ts";
import type { ModelQuestion, RunnableModel, WorkerPort } from "./worker-port.ts";

/** Interval at which a worker ends orphaned jobs, and looks for jobs if it may have room again. */
const checkIntervalMs = 1_000;
/** Interval at which every worker looks for jobs. Gateways send hints about new jobs, but a hint may be lost. */
const refillIntervalMs = 5_000;
/** Time limit for a leaving worker to write its heartbeat, before it reads the list of other workers. */
const reportTimeoutMs = 500;
/** Time limit for reading which workers could continue the jobs. Without that list a leaving worker keeps its jobs. */
const siblingsTimeoutMs = 1_000;
/** Longest delay of a busy worker after a hint, so that idle workers take the job first. */
const fullestWaitsMs = 4;
/** Time limit for reading the pictures of a question. */
const questionPicturesTimeoutMs = 30_000;
/** How long a promised slot is kept. */
const promiseMs = 1_000;

/** A worker that could not run a job gives the job back with a delay, and takes no jobs of the model until this long after the delay. */
const othersFirstMs = 250;
/** NATS may deliver a returned job this long after the end of the job's delay. */
const nakSlackMs = 20;

export interface WorkerSideOptions extends MemberContext {
  readonly port: WorkerPort;
}

export interface WorkerSide {
  /** Takes jobs. To be called when a slot becomes free. */
  refill(): void;
  /** Takes jobs and writes the heartbeat. To be called when a model becomes ready or stops being ready. */
  changed(): void;
  /** Takes no new jobs, and hands over the jobs that another worker can continue; resolves when they are handed over. */
  leave(): Promise<void>;
  /** Ends the beats, the heartbeat and the subscriptions. To be called after the last job. */
  close(): Promise<void>;
  /** Number of the fleet's jobs on this worker. */
  readonly running: number;
}

export function createWorkerSide({ connection, port, clock, log }: WorkerSideOptions): WorkerSide {
  const runs = new Map<string, FleetRun>();
  /** Promised slots by job, with the model and the promise's end. */
  const promises = new Map<string, { readonly model: string; readonly until: number }>();
  /** For each model with a job that this worker could not run: when the worker may take the model's jobs again. */
  const refusedUntil = new Map<string, number>();
  const beats = createBeats(connection, { kind: "worker", id: port.id }, clock);
  const endOrphans = createOrphanCheck({ connection, beats, clock, runs: () => [...runs.values()] });
  /** Subscriptions about loaded models, by their subjects, on the present connection. */
  const subscribed = new Map<string, Subscription>();
  let service: Service | undefined;
  /** The connection on which the service is registered. */
  let joined: NatsConnection | undefined;
  let joining: TimerHandle | undefined;
  let leaving = false;
  let refilledAt = -Infinity;
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
    clock,
    log,
  });

  const forgets = [
    onCancels(connection, (jobId) => runs.get(jobId)?.cancel()),
    subscribeAlways(connection, subjects.hintAt(port.id), () => intake.takeOwnJobs()),
    connection.onChange((connected, first) => {
      joining?.cancel();
      if (connected === undefined) return;
      if (first) subscribed.clear();
      if (joined !== connected.nc) void join(connected);
      void cancelMissed(connected);
      intake.renew();
      refill();
    }),
  ];

  function onQuestion(error: Error | null, message: Msg): void {
    if (error === null) void answerWith<WorkerQuestion, WorkerAnswer>(message, answer);
  }

  async function join(connected: Connected): Promise<void> {
    try {
      const metadata = { worker: port.id };
      service = await new Svcm(connected.nc).add({ name: "waggle-worker", version: port.version, metadata });
      service.addEndpoint("worker", { subject: subjects.askWorker(port.id), handler: onQuestion });
      joined = connected.nc;
    } catch (error) {
      log.warn({ reason: errorReason(error) }, "fleet_join_failed");
      joining = clock.setTimeout(() => void join(connected), checkIntervalMs);
    }
  }

  /** Applies cancels whose messages this worker missed while it was not connected. */
  async function cancelMissed(connected: Connected): Promise<void> {
    try {
      for (const run of [...runs.values()]) if (await isCancelled(connected, run.job.id)) run.cancel();
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_cancels_failed");
    }
  }

  /** Subscribes for newly loaded models, and unsubscribes for unloaded ones. */
  function subscribe(): void {
    const questions: SubscriptionOptions = { queue: "workers", callback: onQuestion };
    const wanted = new Map<string, SubscriptionOptions>();
    for (const { name, file } of port.models()) {
      wanted.set(subjects.hint(name), { callback: () => refillSoon(name) });
      wanted.set(subjects.ask(name), questions);
      if (file().vision !== null) wanted.set(subjects.ask(name, true), questions);
    }
    for (const [subject, subscription] of subscribed) {
      if (wanted.has(subject)) continue;
      subscription.unsubscribe();
      subscribed.delete(subject);
    }
    const { nc } = connection.use();
    for (const [subject, how] of wanted) {
      if (!subscribed.has(subject)) subscribed.set(subject, nc.subscribe(subject, how));
    }
  }

  async function answer(question: WorkerQuestion): Promise<WorkerAnswer> {
    const model = modelOf(question.model);
    if (question.kind !== "offer") {
      if (model !== undefined) return await port.answer(await withPictures(question));
      // Unsubscribes first, so that a repeated question reaches another worker.
      if (connection.connected) subscribe();
      return { kind: "not_loaded" };
    }
    const taken = !leaving && model !== undefined && roomOf(model) > 0;
    if (taken) promises.set(question.jobId, { model: model.name, until: clock.now() + promiseMs });
    return { kind: "offer", taken };
  }

  async function withPictures(question: ModelQuestion): Promise<ModelQuestion> {
    if (question.kind !== "query" || question.question.kind !== "count" || question.pictures === undefined)
      return question;
    const signal = AbortSignal.timeout(questionPicturesTimeoutMs);
    const pictures = await readPictures(connection.use(), question.pictures, signal);
    return { ...question, question: { ...question.question, pictures } };
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

  /** Taken jobs that are not submitted to the model yet. */
  function starting(name: string): number {
    let count = 0;
    for (const run of runs.values()) if (run.job.model === name && !run.submitted) count += 1;
    return count;
  }

  /** Takes jobs after a hint. A busier worker waits longer, so that an idle worker gets the job. */
  function refillSoon(name: string): void {
    const model = modelOf(name);
    if (model === undefined || soon !== undefined) return;
    const room = roomOf(model);
    if (room >= model.slots) return refill();
    soon = clock.setTimeout(
      () => {
        soon = undefined;
        refill();
      },
      fullestWaitsMs * (1 - room / model.slots),
    );
  }

  function refill(): void {
    if (connection.connected) subscribe();
    intake.takeJobs();
  }

  function begin(taken: TakenJob, model: RunnableModel): void {
    const { id } = taken.job;
    // NATS has delivered a job again that this worker still runs, because the job's `working` was late.
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
        // NATS sends no message when it returns the job. Without a hint, this worker could take the job before the others look for it.
        clock.setTimeout(() => hint([model.name]), afterMs + nakSlackMs);
      },
      onGone() {
        if (runs.get(id) === run) runs.delete(id);
        refill();
      },
    });
    runs.set(id, run);
  }

  function tick(): void {
    timer = clock.setTimeout(tick, checkIntervalMs);
    if (mayHaveRoomAgain() || clock.now() - refilledAt >= refillIntervalMs) {
      refilledAt = clock.now();
      intake.takeOwnJobs();
      refill();
    }
    if (connection.connected) void endOrphans();
  }
  tick();

  /** Whether room may appear without an event, because a promise expires or a refusal ends. */
  function mayHaveRoomAgain(): boolean {
    return promises.size > 0 || [...refusedUntil.values()].some((until) => clock.now() < until + checkIntervalMs);
  }

  function hint(models: readonly string[]): void {
    if (!connection.connected) return;
    for (const model of new Set(models)) fireAndForget(connection.use().nc, subjects.hint(model));
  }

  /** Jobs that another worker can continue. */
  async function movable(): Promise<readonly FleetRun[]> {
    const may = [...runs.values()].filter(({ mayMove }) => mayMove);
    if (may.length === 0 || !connection.connected) return [];
    const files = new Map(port.models().map((model) => [model.name, model.file()]));
    const siblings = await modelsOfSiblings(connection.use(), port.id, files);
    return may.filter(({ job: { model, pictures } }) =>
      (pictures === undefined ? siblings.models : siblings.withSameProjector).has(model),
    );
  }

  return {
    refill,
    changed() {
      // Subscribes first: a gateway that reads the heartbeat may send a question at once.
      refill();
      void heartbeat.report();
    },
    async leave() {
      if (leaving) return;
      leaving = true;
      intake.leave();
      await Promise.race([heartbeat.report(), sleep(reportTimeoutMs, { ref: false })]);
      const handed = await withTimeout(movable(), siblingsTimeoutMs, "NATS did not answer in time").catch(
        (error: unknown) => {
          log.warn({ reason: errorReason(error) }, "fleet_siblings_failed");
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
      await Promise.all([waitForLast(service?.stop()), heartbeat.close()]);
      beats.close();
    },
    get running() {
      return runs.size;
    },
  };
}
