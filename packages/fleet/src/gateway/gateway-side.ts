// Implements the gateway's side of the fleet: it publishes jobs, subscribes to records and asks workers questions.
import { inBackground } from "@waggle/async";
import type { TimerHandle } from "@waggle/async";
import { WaggleError, type CancelledBy } from "@waggle/protocol";
import { errorReason } from "@waggle/daemon/terminal";
import type { MemberContext } from "../broker/member-context.ts";
import { topics } from "../broker/names.ts";
import { createEventFeed } from "../events/event-feed.ts";
import { createBeats } from "../members/beats.ts";
import type { GatewayProcessId } from "../members/gateway-process.ts";
import { createMembers } from "../members/members.ts";
import { answerWith, ask } from "../members/questions.ts";
import { createPictureStore } from "../pictures/picture-store.ts";
import { cancelJob, onCancels } from "../queue/cancels.ts";
import { placeInQueue, publishJob } from "../queue/job-queue.ts";
import { createRescue } from "../queue/rescue.ts";
import type { GatewaySide } from "./gateway-port.ts";
import { createJobRecords, createSessions } from "./shared-records.ts";
import { decode, isEnd, type EventRecord } from "../queue/records.ts";
import type { GatewayAnswer, GatewayQuestion, WorkerAnswer } from "../queue/records.ts";

/**
 * Most workers that may answer one question with `not_loaded`. A worker unsubscribes before it gives this answer, so a question gets
 * the answer several times only if several workers unload the model at the same moment.
 */
const mostUnloaded = 8;
/** Seconds until a client may ask again for a model that no worker has loaded. */
const retryAfterS = 2;
/** Interval of the check for silent workers. */
const rescueIntervalMs = 1_000;

interface GatewaySideOptions extends MemberContext {
  readonly id: GatewayProcessId;
  /** Share of the fleet's store of pictures that one client may fill through this gateway; 1 by default. */
  readonly clientShare?: number;
}

export function createGatewaySide(options: GatewaySideOptions): GatewaySide {
  const { broker, id, clock, log, clientShare = 1 } = options;
  const feed = createEventFeed(options, id);
  const beats = createBeats(broker, { kind: "gateway", id }, clock);
  const members = createMembers(options);
  const rescueJobs = createRescue({ ...options, beats, models: modelsOfFleet });
  let rescuing: TimerHandle | undefined;
  let end: ((client: string, jobId: string, by: CancelledBy) => Promise<void>) | undefined;

  const forgetQuestions = broker.messages.answer(
    topics.askGateway(id),
    async (data) =>
      await answerWith<GatewayQuestion, GatewayAnswer>(data, async ({ client, jobId, by }) => {
        await end?.(client, jobId, by);
        return { kind: "ended" };
      }),
  );

  function modelsOfFleet(): Iterable<string> {
    const workers = members.list().filter((member) => member.kind === "worker");
    return new Set(workers.flatMap(({ models }) => models.map(({ name }) => name)));
  }

  function checkWorkers(): void {
    rescuing = clock.setTimeout(checkWorkers, rescueIntervalMs);
    if (broker.connected) inBackground("rescue jobs", rescueJobs());
  }
  checkWorkers();

  return {
    id,
    get connected() {
      return broker.connected;
    },
    onConnection: broker.onConnection,
    members: members.list,
    onMembers: members.onChange,
    isAlive: beats.isAlive,
    silentGateways: beats.silentGateways,
    now: broker.now,
    async publish(job, to) {
      // Without a subscription no one would receive the job's records.
      await feed.listening();
      await publishJob(broker, job, to);
    },
    async placeOf(job) {
      const place = await placeInQueue(broker, job);
      if (place !== undefined) return place;
      const last = await broker.events.last(topics.events(job.gateway, job.id));
      return last !== undefined && isEnd(decode<EventRecord>(last.data)) ? "ended" : "lost";
    },
    subscribe: feed.subscribe,
    subscribeFromStart: feed.subscribeFromStart,
    cancel: async (jobId, by) => await cancelJob(broker, jobId, by),
    onCancel: (listener) => onCancels(broker, listener),
    async forget(jobId) {
      try {
        // Keeps the last record: if an acknowledgement was lost, the queue gives the job to a worker again, which must see that the job has ended.
        await broker.events.trim(topics.eventsOfJob(jobId));
      } catch (error) {
        // The broker deletes the records anyway when they are two minutes old.
        log.debug({ reason: errorReason(error), job: jobId }, "fleet_purge_failed");
      }
    },
    storeUse: broker.storeUse,
    pictures: createPictureStore({ broker, clock, log, clientShare }),
    async ask(question, { timeoutMs, worker, ability }) {
      const topic = worker === undefined ? topics.ask(question.model, ability) : topics.askWorker(worker);
      const until = clock.now() + timeoutMs;
      for (let asked = 0; asked < mostUnloaded; asked += 1) {
        const leftMs = Math.max(1, until - clock.now());
        const answer = await ask<WorkerAnswer>(broker, topic, question, leftMs);
        if (answer !== undefined && answer.kind !== "not_loaded") return answer as never;
        if (answer === undefined || worker !== undefined) break;
      }
      throw new WaggleError("unavailable", "Cannot ask the model: no worker has it loaded.", {
        retryAfterS,
      });
    },
    sessions: createSessions(options),
    async end({ gateway, jobId }, client, { by, timeoutMs }) {
      const question: GatewayQuestion = { kind: "end", client, jobId, by };
      try {
        return (await ask<GatewayAnswer>(broker, topics.askGateway(gateway), question, timeoutMs)) !== undefined;
      } catch {
        // The gateway is gone, or did not end the job in time. In both cases the session continues with the new job.
        return false;
      }
    },
    onEnd(handler) {
      end = handler;
    },
    records: createJobRecords(options),
    report: members.report,
    leave: beats.close,
    async close() {
      forgetQuestions();
      rescuing?.cancel();
      await Promise.all([feed.close(), members.close()]);
      beats.close();
    },
  };
}
