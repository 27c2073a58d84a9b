// Owns the worker's side of the fleet: it takes jobs while it has room, answers questions, writes its heartbeat, and hands over jobs when it leaves.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { errorReason } from "@waggle/daemon/terminal";
import { isLane, WaggleError } from "@waggle/protocol";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import { createBeats } from "../members/beats.ts";
import { createHeartbeat } from "../members/heartbeats.ts";
import { answerWith } from "../members/questions.ts";
import { siblingsOf } from "../members/siblings.ts";
import { readPictures } from "../pictures/picture-store.ts";
import { cancelOf, onCancels } from "../queue/cancels.ts";
import type { TakenJob } from "../queue/job-queue.ts";
import { fleetVersion, type IdentityQuestion, type WorkerAnswer, type WorkerQuestion } from "../queue/records.ts";
import { createIdClaim } from "./claim-id.ts";
import { startFleetRun, type FleetRun } from "./fleet-run.ts";
import { createIntake } from "./intake.ts";
import { createOrphanCheck } from "./orphans.ts";
import type { ModelQuestion, RunnableModel, WorkerPort } from "./worker-port.ts";

/** Interval at which a worker ends orphaned jobs, and looks for jobs if it may have room again. */
const checkIntervalMs = 1_000;
/** Interval at which every worker looks for jobs. Gateways send hints about new jobs, but a hint may be lost. */
const refillIntervalMs = 5_000;
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

const lateError = new WaggleError(
  "unavailable",
  "Cannot read the pictures of the question: the fleet did not send them in time.",
);

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

export function createWorkerSide(options: WorkerSideOptions): WorkerSide {
  const { broker, port, clock, log } = options;
  const instance = options.chance.id();
  const runs = new Map<string, FleetRun>();
  /** Promised slots by job, with the model and the promise's end. */
  const promises = new Map<string, { readonly model: string; readonly until: number }>();
  /** For each model with a job that this worker could not run: when the worker may take the model's jobs again. */
  const refusedUntil = new Map<string, number>();
  /** Functions that end the subscriptions of a member, without those about models; empty while this worker is not a member. */
  let forgets: (() => void)[] = [];
  const beats = createBeats(broker, { kind: "worker", id: port.id }, clock, () => forgets.length > 0);
  const endOrphans = createOrphanCheck({ broker, beats, clock, runs: () => [...runs.values()] });
  /** Functions that end the subscriptions about loaded models, by their topics. */
  const subscribed = new Map<string, () => void>();
  let leaving = false;
  /** Whether the broker refuses a topic to this worker. Its jobs would not end, so it takes none until the next connection. */
  let denied = false;
  let refilledAt = -Infinity;
  let timer: TimerHandle | undefined;
  let soon: TimerHandle | undefined;

  const heartbeat = createHeartbeat({
    broker,
    clock,
    log,
    self: () =>
      forgets.length === 0 ? undefined : { version: fleetVersion, instance, takesJobs: takesJobs(), ...port.member() },
    onOther({ instance: other = "" }) {
      // Both processes find each other; one of them keeps the id.
      if (instance > other) exit();
    },
  });

  const intake = createIntake({
    broker,
    port,
    roomOf,
    arrived: (jobId) => promises.delete(jobId),
    begin,
    clock,
    log,
  });

  const claim = createIdClaim({ broker, clock, log, id: port.id, onFree: enter });
  const ends = [
    // Also for the jobs of a process that has left the fleet to another one with its id.
    onCancels(broker, (jobId, by) => runs.get(jobId)?.cancel(by)),
    broker.onConnection((connected) => {
      if (!connected) return;
      denied = false;
      if (forgets.length === 0) return claim.begin();
      inBackground("cancel jobs", cancelMissed());
      intake.renew();
      refill();
    }),
    broker.onDenied(() => {
      denied = true;
      inBackground("report to the fleet", heartbeat.report());
    }),
  ];

  function takesJobs(): boolean {
    return !leaving && !denied && forgets.length > 0;
  }

  /** Becomes a member: answers questions, and takes jobs. */
  function enter(): void {
    const { messages } = broker;
    forgets = [
      messages.answer(topics.askWorker(port.id), onQuestion, {
        listed: { name: "waggle-worker", version: port.version, worker: port.id },
      }),
      messages.receive(topics.hintAt(port.id), () => intake.takeOwnJobs()),
    ];
    beats.beat();
    inBackground("report to the fleet", heartbeat.report());
    intake.renew();
    refill();
  }

  /** Leaves the fleet to the process that keeps the id, and tries to get the id again. The jobs of this process run to their ends. */
  function exit(): void {
    for (const forget of [...forgets, ...subscribed.values()]) forget();
    forgets = [];
    subscribed.clear();
    claim.begin();
  }

  async function onQuestion(data: Uint8Array): ReturnType<typeof answerWith> {
    return await answerWith<WorkerQuestion | IdentityQuestion, WorkerAnswer>(data, async (question) =>
      question.kind === "identify" ? { kind: "identity", instance } : await answer(question),
    );
  }

  /** Applies cancels whose messages this worker missed while it was not connected. */
  async function cancelMissed(): Promise<void> {
    try {
      for (const run of [...runs.values()]) {
        const by = await cancelOf(broker, run.job.id);
        if (by !== undefined) run.cancel(by);
      }
    } catch (error) {
      log.debug({ reason: errorReason(error) }, "fleet_cancels_failed");
    }
  }

  /** Subscribes for newly loaded models, and unsubscribes for unloaded ones. */
  function subscribe(): void {
    const { messages } = broker;
    const wanted = new Map<string, () => () => void>();
    for (const { name, abilities } of port.models()) {
      wanted.set(topics.hint(name), () => messages.receive(topics.hint(name), () => refillSoon(name)));
      for (const ability of [undefined, ...abilities]) {
        const topic = topics.ask(name, ability);
        wanted.set(topic, () => messages.answer(topic, onQuestion, { shared: true }));
      }
    }
    for (const [topic, forget] of subscribed) {
      if (wanted.has(topic)) continue;
      forget();
      subscribed.delete(topic);
    }
    for (const [topic, begin] of wanted) if (!subscribed.has(topic)) subscribed.set(topic, begin());
  }

  async function answer(question: WorkerQuestion): Promise<WorkerAnswer> {
    const model = modelOf(question.model);
    if (question.kind !== "offer") {
      if (model !== undefined) return await port.answer(await withPictures(question));
      // Unsubscribes first, so that a repeated question reaches another worker.
      subscribe();
      return { kind: "not_loaded" };
    }
    const taken = takesJobs() && model !== undefined && roomOf(model) > 0;
    if (taken) promises.set(question.jobId, { model: model.name, until: clock.now() + promiseMs });
    return { kind: "offer", taken };
  }

  async function withPictures(question: ModelQuestion): Promise<ModelQuestion> {
    if (question.kind !== "query" || question.question.kind !== "count" || question.pictures === undefined)
      return question;
    const reading = new AbortController();
    const limit = clock.setTimeout(() => reading.abort(lateError), questionPicturesTimeoutMs);
    try {
      const pictures = await readPictures(broker, question.pictures, reading.signal);
      return { ...question, question: { ...question.question, pictures } };
    } finally {
      limit.cancel();
    }
  }

  function modelOf(name: string): RunnableModel | undefined {
    return port.models().find((model) => model.name === name);
  }

  function roomOf(model: RunnableModel, forLane = false): number {
    if (!takesJobs() || clock.now() < (refusedUntil.get(model.name) ?? 0)) return 0;
    let room = model.free(forLane);
    for (const [jobId, promise] of promises) {
      if (promise.until < clock.now()) promises.delete(jobId);
      else if (promise.model === model.name) room -= 1;
    }
    return room - starting(model.name, forLane);
  }

  /** Number of taken jobs that are not submitted to the model yet. */
  function starting(name: string, withLane: boolean): number {
    const counts = ({ job, submitted }: FleetRun): boolean =>
      job.model === name && !submitted && (withLane || !isLane(job.spec.when));
    return [...runs.values()].filter(counts).length;
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
    if (forgets.length === 0) return;
    subscribe();
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
      broker,
      chance: options.chance,
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
    if (forgets.length > 0 && (mayHaveRoomAgain() || clock.now() - refilledAt >= refillIntervalMs)) {
      refilledAt = clock.now();
      intake.takeOwnJobs();
      refill();
    }
    if (broker.connected) inBackground("end orphaned jobs", endOrphans());
  }
  tick();

  /** Whether room may appear without an event, because a promise expires or a refusal ends. */
  function mayHaveRoomAgain(): boolean {
    return promises.size > 0 || [...refusedUntil.values()].some((until) => clock.now() < until + checkIntervalMs);
  }

  function hint(models: readonly string[]): void {
    for (const model of new Set(models)) broker.messages.send(topics.hint(model));
  }

  /** Jobs that another worker can continue. */
  async function movable(): Promise<readonly FleetRun[]> {
    const may = [...runs.values()].filter(({ mayMove }) => mayMove);
    if (may.length === 0 || !broker.connected) return [];
    const files = new Map(port.models().map((model) => [model.name, model.file()]));
    const siblings = await siblingsOf(broker, port.id, files);
    return may.filter(({ job }) => siblings.canContinue(job));
  }

  return {
    refill,
    changed() {
      // Subscribes first: a gateway that reads the heartbeat may send a question at once.
      refill();
      inBackground("report to the fleet", heartbeat.report());
    },
    async leave() {
      if (leaving) return;
      leaving = true;
      intake.leave();
      await heartbeat.report();
      const handed = await movable().catch((error: unknown) => {
        log.warn({ reason: errorReason(error) }, "fleet_siblings_failed");
        return [];
      });
      await Promise.all(handed.map((run) => run.handOver()));
      hint(handed.map(({ job }) => job.model));
    },
    async close() {
      leaving = true;
      intake.leave();
      for (const end of [...ends, ...forgets, ...subscribed.values(), claim.close]) end();
      timer?.cancel();
      soon?.cancel();
      await heartbeat.close();
      beats.close();
    },
    get running() {
      return runs.size;
    },
  };
}
